package docker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// readJob reads a Kubernetes Job as the cluster would: a field unknown to the API is an error.
func readJob(t *testing.T, name string) (job batch.Job, container core.Container) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("campaign", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &job); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	pod := job.Spec.Template.Spec
	if job.Kind != "Job" || job.APIVersion != "batch/v1" || len(pod.Containers) != 1 || len(pod.Volumes) != 1 {
		t.Fatalf("%s is %s %s with %d containers and %d volumes",
			name, job.APIVersion, job.Kind, len(pod.Containers), len(pod.Volumes))
	}
	return job, pod.Containers[0]
}

// Both Jobs run as the image's unprivileged user and share the volume that their arguments name.
func TestKubernetesJobsFitTheImage(t *testing.T) {
	service, _, err := clone(t).compose(t.Context(), "cpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]bool{}
	for _, name := range []string{"kubernetes.yaml", "kubernetes-merge.yaml"} {
		job, c := readJob(t, name)
		pod := job.Spec.Template.Spec
		user, security := pod.SecurityContext, c.SecurityContext
		switch {
		case c.Image != service.Image:
			t.Errorf("%s runs %s, Compose builds %s", name, c.Image, service.Image)
		case pod.RestartPolicy != core.RestartPolicyNever ||
			!*user.RunAsNonRoot || *user.RunAsUser != 1000 || *user.FSGroup != 1000:
			t.Errorf("%s: restart %s, user %+v", name, pod.RestartPolicy, user)
		case *security.AllowPrivilegeEscalation || !slices.Equal(security.Capabilities.Drop, []core.Capability{"ALL"}):
			t.Errorf("%s: %+v", name, security)
		case len(c.Command) > 0:
			t.Errorf("%s replaces the image's entry point, tini", name)
		case c.VolumeMounts[0].Name != pod.Volumes[0].Name ||
			!strings.Contains(strings.Join(c.Args, " "), c.VolumeMounts[0].MountPath+"/samples-"):
			t.Errorf("%s: %v on %v", name, c.Args, c.VolumeMounts)
		}
		claims[pod.Volumes[0].PersistentVolumeClaim.ClaimName] = true
	}
	if len(claims) != 1 {
		t.Errorf("the Jobs do not share a volume: %v", claims)
	}
}

// There is a shard for each of the Job's indices, each index draws its own shard, and wrong input
// is not tried again.
func TestKubernetesShards(t *testing.T) {
	job, c := readJob(t, "kubernetes.yaml")
	shard := fmt.Sprintf("$(SHARD)/%d", *job.Spec.Completions)
	if *job.Spec.CompletionMode != batch.IndexedCompletion ||
		!slices.Contains(c.Args, shard) || !slices.Contains(c.Args, "/work/samples-$(SHARD).npz") {
		t.Errorf("%s, %d completions, %v", *job.Spec.CompletionMode, *job.Spec.Completions, c.Args)
	}
	index := fmt.Sprintf("metadata.annotations['%s']", batch.JobCompletionIndexAnnotation)
	if number := c.Env[0]; number.Name != "SHARD" || number.ValueFrom.FieldRef.FieldPath != index {
		t.Errorf("the shard's number is %+v", number)
	}
	last := job.Spec.PodFailurePolicy.Rules[len(job.Spec.PodFailurePolicy.Rules)-1]
	if job.Spec.BackoffLimitPerIndex == nil || last.Action != batch.PodFailurePolicyActionFailIndex ||
		!slices.Equal(last.OnExitCodes.Values, []int32{2}) || *last.OnExitCodes.ContainerName != c.Name {
		t.Errorf("retries %v, %+v", job.Spec.BackoffLimitPerIndex, last)
	}
}

// The job array of Slurm's script has a task for each shard.
func TestSlurmScript(t *testing.T) {
	path := filepath.Join("campaign", "slurm.sh")
	if out, err := exec.CommandContext(t.Context(), "bash", "-n", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"#SBATCH --array=0-15\n", "shards=${SHARDS:-16}\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q", want)
		}
	}
}

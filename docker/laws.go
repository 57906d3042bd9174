package docker

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// The Dockerfile's targets. Compose's services have the same names.
const (
	TargetCPU  = "cpu"
	TargetCUDA = "cuda"
)

// tokenOff matches the settings that let everybody in.
var tokenOff = regexp.MustCompile(`(?i)(App|Provider)\.(token|password|hashed_password)|` +
	`allow_unauthenticated|disable_check_xsrf|allow_origin|JUPYTER_TOKEN=`)

// Problems lists what is wrong with the image and its Compose file.
func (f Files) Problems(ctx context.Context) ([]string, error) {
	declared, err := f.pins()
	if err != nil {
		return nil, err
	}
	problems, err := f.pinProblems(declared)
	if err != nil {
		return nil, err
	}
	for _, target := range []string{TargetCPU, TargetCUDA} {
		result, warnings, err := translate(ctx, f.Dockerfile, target, nil)
		if err != nil {
			return nil, err
		}
		for _, warning := range warnings {
			problems = append(problems, target+": "+warning)
		}
		if result == nil {
			continue
		}
		for _, problem := range imageProblems(result.Image.Config) {
			problems = append(problems, target+": "+problem)
		}
		found, err := f.serviceProblems(ctx, target, result.Image.Config)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	texts := map[string][]byte{"Dockerfile": f.Dockerfile, "start.sh": f.Start, "compose.yaml": f.Compose}
	for name, text := range texts {
		if found := tokenOff.Find(text); found != nil {
			problems = append(problems, fmt.Sprintf("%s: %s can switch the token off", name, found))
		}
	}
	return problems, nil
}

// pinProblems compares the image's versions with the versions that the clone declares.
func (f Files) pinProblems(declared pins) ([]string, error) {
	images, err := baseImages(f.Dockerfile)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, image := range images {
		tagged, hasTag := image.(reference.Tagged)
		if _, hasDigest := image.(reference.Digested); !hasTag || !hasDigest {
			problems = append(problems, fmt.Sprintf("base %s is not pinned by tag and digest", image))
			continue
		}
		version, _, _ := strings.Cut(tagged.Tag(), "-")
		if reference.FamiliarName(image) == "golang" && version != declared.golang {
			problems = append(problems, fmt.Sprintf("base %s, but go.mod says go %s",
				reference.FamiliarString(image), declared.golang))
		}
	}
	words := strings.Fields(string(f.Dockerfile))
	cuda := fmt.Sprintf(`"jax-cuda13-plugin[with-cuda]==%s"`, declared.cuda)
	for _, requirement := range append(slices.Clone(declared.jupyter), cuda) {
		if !slices.Contains(words, requirement) {
			problems = append(problems, "the Dockerfile does not install "+requirement)
		}
	}
	if string(f.Overrides) != declared.overrides {
		problems = append(problems, "overrides.json differs from the file that `eqflow lab` writes")
	}
	return problems, nil
}

// imageProblems checks an image's configuration.
func imageProblems(c dockerspec.DockerOCIImageConfig) []string {
	var problems []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	user, _, _ := strings.Cut(c.User, ":")
	uid, err := strconv.Atoi(user)
	add(err != nil || uid == 0, "USER %q is not a number other than 0", c.User)
	add(len(c.Entrypoint) == 0 || path.Base(c.Entrypoint[0]) != "tini" || c.Entrypoint[len(c.Entrypoint)-1] != "--",
		"ENTRYPOINT %q is not tini", c.Entrypoint)
	add(len(c.Cmd) == 0, "no CMD")
	h := cmp.Or(c.Healthcheck, &dockerspec.HealthcheckConfig{})
	add(len(h.Test) < 2 || !strings.HasPrefix(h.Test[0], "CMD"), "HEALTHCHECK %q checks nothing", h.Test)
	add(h.Interval == 0 || h.Timeout == 0, "HEALTHCHECK without interval or timeout")
	home := environment(c, "HOME")
	add(!strings.HasPrefix(c.WorkingDir, home+"/"), "WORKDIR %s is not below HOME %q", c.WorkingDir, home)
	port := environment(c, "JUPYTER_PORT")
	_, exposed := c.ExposedPorts[port+"/tcp"]
	add(!exposed, "JUPYTER_PORT %q is not exposed", port)
	return problems
}

// environment returns the value of an image's environment variable, "" if the image does not set
// it.
func environment(c dockerspec.DockerOCIImageConfig, name string) string {
	for _, variable := range c.Env {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// compose loads the Compose file for a target's profile, as if the shell had set the variables.
func (f Files) compose(
	ctx context.Context, target string, variables types.Mapping,
) (types.ServiceConfig, *types.Project, error) {
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  "/clone/docker",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: f.Compose}},
		Environment: variables,
	}, func(o *loader.Options) { o.Profiles = []string{target} })
	if err != nil {
		return types.ServiceConfig{}, nil, fmt.Errorf("docker: compose.yaml: %w", err)
	}
	service, err := project.GetService(target)
	if err != nil {
		return service, nil, fmt.Errorf("docker: compose.yaml has no service for the target: %w", err)
	}
	return service, project, nil
}

// serviceProblems checks a target's service: with the default port and without a token, and with
// another port and a token.
func (f Files) serviceProblems(
	ctx context.Context, target string, image dockerspec.DockerOCIImageConfig,
) ([]string, error) {
	var problems []string
	port := environment(image, "JUPYTER_PORT")
	for wanted, variables := range map[string]types.Mapping{
		port:   {},
		"9001": {"JUPYTER_PORT": "9001", "JUPYTER_TOKEN": "secret", "GOPROXY": "there"},
	} {
		service, project, err := f.compose(ctx, target, variables)
		if err != nil {
			return nil, err
		}
		found := slices.Concat(portProblems(service, wanted), buildProblems(service, target, variables),
			mountProblems(service, project, image))
		token := service.Environment["JUPYTER_TOKEN"]
		if want, given := variables["JUPYTER_TOKEN"]; given != (token != nil) || given && *token != want {
			found = append(found, "the shell's JUPYTER_TOKEN does not arrive unchanged")
		}
		for _, problem := range found {
			problems = append(problems, "service "+target+": "+problem)
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems), nil
}

// portProblems demands one port, with the same number inside and outside. The address that
// JupyterLab prints is then the address to open.
func portProblems(s types.ServiceConfig, wanted string) []string {
	var problems []string
	if len(s.Ports) != 1 || s.NetworkMode != "" {
		problems = append(problems, fmt.Sprintf("%d ports and network %q instead of one port",
			len(s.Ports), s.NetworkMode))
	}
	for _, p := range s.Ports {
		if p.HostIP != "127.0.0.1" {
			problems = append(problems, fmt.Sprintf("port %s is open to the network", p.Published))
		}
		inside := s.Environment["JUPYTER_PORT"]
		if p.Published != wanted || fmt.Sprint(p.Target) != wanted || inside == nil || *inside != wanted {
			problems = append(problems, fmt.Sprintf("port %s leads to %d, wanted %s", p.Published, p.Target, wanted))
		}
	}
	return problems
}

// buildProblems checks how the service's image is built, on which device it runs and with which
// rights.
func buildProblems(s types.ServiceConfig, target string, variables types.Mapping) []string {
	var problems []string
	if s.Build == nil || s.Build.Target != target ||
		s.Build.Dockerfile != "docker/Dockerfile" || path.Clean(s.Build.Context) != "/clone" {
		return []string{fmt.Sprintf("it is not built from the clone as target %s", target)}
	}
	for _, name := range []string{"GOPROXY", "PIP_INDEX_URL"} {
		want, given := variables[name]
		if value := s.Build.Args[name]; given != (value != nil) || given && *value != want {
			problems = append(problems, "the shell's "+name+" does not reach the build unchanged")
		}
	}
	if s.Privileged || s.User != "" || !slices.Equal(s.CapDrop, []string{"ALL"}) ||
		!slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		problems = append(problems, "it has more rights than the image's user")
	}
	if onGPU := target == TargetCUDA; slices.Contains(s.Profiles, TargetCUDA) != onGPU || (s.Deploy != nil) != onGPU {
		problems = append(problems, "the profile cuda and a device belong to the target cuda, and to no other")
	}
	return problems
}

// mountProblems demands one volume, at the folder in which the image keeps the notebooks. A volume
// above this folder would hide the image's own files.
func mountProblems(
	s types.ServiceConfig, project *types.Project, image dockerspec.DockerOCIImageConfig,
) []string {
	if len(s.Volumes) != 1 {
		return []string{fmt.Sprintf("%d volumes instead of one", len(s.Volumes))}
	}
	v := s.Volumes[0]
	if _, declared := project.Volumes[v.Source]; v.Type != types.VolumeTypeVolume || !declared {
		return []string{v.Source + " is not a volume"}
	}
	if v.Target != image.WorkingDir {
		return []string{fmt.Sprintf("a volume at %s hides the image's files there, or keeps nothing: "+
			"the notebooks are in %s", v.Target, image.WorkingDir)}
	}
	return nil
}

package docker

import (
	"context"
	"slices"
	"strings"
	"testing"
)

func clone(t *testing.T) Files {
	t.Helper()
	f, err := Read("..")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestImageAndComposeKeepTheirLaws(t *testing.T) {
	problems, err := clone(t).Problems(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// Each law is broken once, and the check must report it: a check that never fails would check
// nothing.
func TestBrokenLawsAreSeen(t *testing.T) {
	image := func(f *Files) *[]byte { return &f.Dockerfile }
	start := func(f *Files) *[]byte { return &f.Start }
	compose := func(f *Files) *[]byte { return &f.Compose }
	for _, broken := range []struct {
		file           func(*Files) *[]byte
		from, to, want string
	}{
		{image, "USER 1000:1000\n", "", "is not a number other than 0"},
		{image, "USER 1000:1000\n", "USER 0:0\n", "is not a number other than 0"},
		{image, `ENTRYPOINT ["/usr/bin/tini", "--"]`, `ENTRYPOINT ["/bin/sh", "--"]`, "is not tini"},
		{image, "HEALTHCHECK --interval=30s", "HEALTHCHECK", "without interval"},
		{image, "golang:1.26.5-bookworm@", "golang:1.25.0-bookworm@", "but go.mod says"},
		{image, "@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171", "", "is not pinned"},
		{image, "debian:12.15-slim@", "debian@", "is not pinned"},
		{image, "jupyterlab==", "jupyterlab>=", "does not install jupyterlab"},
		{image, "[with-cuda]==0.", "[with-cuda]==1.", "does not install \"jax"},
		{image, "ENV JUPYTER_PORT=8888", "ENV JUPYTER_PORT=8888 JUPYTER_TOKEN=", "SecretsUsedInArgOrEnv"},
		{image, "EXPOSE 8888", "EXPOSE 80", "is not exposed"},
		{image, "CMD [\"../docker/start.sh\"]", "CMD ../docker/start.sh", "JSONArgsRecommended"},
		{image, "/home/eqflow/jupyter", "$NOWHERE/jupyter", "UndefinedVar"},
		{image, " AS cuda", " as cuda", "FromAsCasing"},
		{start, "--no-browser", "--no-browser --IdentityProvider.token=", "token off"},
		{compose, "- 127.0.0.1:", "- ", "open to the network"},
		{compose, ":/home/eqflow/gonb-eqflow/saved", ":/home/eqflow", "hides"},
		{compose, "- notebooks:", "- ./notebooks:", "is not a volume"},
		{compose, "JUPYTER_TOKEN: #", "JUPYTER_TOKEN: '' #", "does not arrive"},
		{compose, "cap_drop: [ALL]", "privileged: true", "more rights"},
		{compose, "profiles: [cuda]", "profiles: [cuda, other]\n    user: root", "more rights"},
		{compose, "    profiles: [cuda]\n", "", "profile cuda"},
		{compose, "- PIP_INDEX_URL", "- PIP_INDEX_URL=elsewhere", "does not reach the build"},
		{compose, "      target: cuda\n", "", "as target cuda"},
		{compose, "${JUPYTER_PORT:-8888}:${JUPYTER_PORT:-8888}", "${JUPYTER_PORT:-8888}:8888", "leads to"},
	} {
		f := clone(t)
		text := broken.file(&f)
		if !strings.Contains(string(*text), broken.from) {
			t.Errorf("%q is not in the file", broken.from)
			continue
		}
		*text = []byte(strings.Replace(string(*text), broken.from, broken.to, 1))
		problems, err := f.Problems(context.Background())
		if err != nil {
			t.Errorf("%q for %q: %v", broken.to, broken.from, err)
		}
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, broken.want) }) {
			t.Errorf("%q for %q gives %q, not %q", broken.to, broken.from, problems, broken.want)
		}
	}
}

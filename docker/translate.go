package docker

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// platform is the platform of XLA's pinned plugins.
var platform = ocispecs.Platform{OS: "linux", Architecture: "amd64"}

// translate lets BuildKit translate a target into build instructions and the image's configuration.
// The strings are the warnings of its linter. The result is nil if these warnings stop the
// translation.
func translate(
	ctx context.Context, dockerfile []byte, target string, args map[string]string,
) (*dockerfile2llb.Result, []string, error) {
	var warnings []string
	warn := func(rule, _, _, message string, where []parser.Range) {
		line := 0
		if len(where) > 0 {
			line = where[0].Start.Line
		}
		warnings = append(warnings, fmt.Sprintf("line %d: %s: %s", line, rule, message))
	}
	result, err := dockerfile2llb.Dockerfile2LLB(ctx, dockerfile, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			Target: target, BuildArgs: maps.Clone(args), BuildPlatforms: []ocispecs.Platform{platform},
			LinterConfig: &linter.Config{ExperimentalAll: true},
		},
		TargetPlatform: &platform, MetaResolver: bases{}, Warn: warn,
		SourceMap: llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", dockerfile),
	})
	if err != nil && len(warnings) > 0 {
		return nil, warnings, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("docker: BuildKit does not accept the Dockerfile: %w", err)
	}
	return result, warnings, nil
}

// bases stands in for the registry: every base image is a Linux with the usual PATH. It has a
// layer, since BuildKit omits images without one.
type bases struct{}

// ResolveImageConfig implements llb.ImageMetaResolver.
func (bases) ResolveImageConfig(
	_ context.Context, ref string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	layer := digest.FromString(ref)
	config := fmt.Sprintf(`{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [%q]},
		"config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}}`, layer)
	return ref, layer, []byte(config), nil
}

// baseImages lists the images that the stages are built from, without the earlier stages.
func baseImages(dockerfile []byte) ([]reference.Named, error) {
	tree, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, fmt.Errorf("docker: the Dockerfile cannot be parsed: %w", err)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("docker: the Dockerfile cannot be parsed: %w", err)
	}
	var images []reference.Named
	for i, stage := range stages {
		if _, earlier := instructions.HasStage(stages[:i], stage.BaseName); earlier {
			continue
		}
		image, err := reference.ParseNormalizedNamed(stage.BaseName)
		if err != nil {
			return nil, fmt.Errorf("docker: FROM %s: %w", stage.BaseName, err)
		}
		images = append(images, image)
	}
	return images, nil
}

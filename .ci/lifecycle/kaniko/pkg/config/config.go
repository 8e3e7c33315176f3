// Package config has the names of kaniko that the lifecycle's extender uses. Nothing here extends images, and kaniko
// cannot be had everywhere.
package config

import "time"

var KanikoDir string

type RegistryOptions struct{}

type CacheOptions struct{ CacheTTL time.Duration }

type KanikoOptions struct {
	CacheOptions
	BuildArgs, IgnorePaths                                              []string
	CacheRepo, CustomPlatform, DockerfilePath, SnapshotMode, SrcContext string
	Cache, CacheRunLayers, CacheCopyLayers, Cleanup, IgnoreVarRun       bool
	InitialFSUnpacked, NoPush, Reproducible                             bool
}

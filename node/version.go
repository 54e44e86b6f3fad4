package node

import (
	"runtime/debug"
	"sync"
)

// release is set by the linker when a release is built: see internal/release.
var release string

// Version is the version of this program, or "devel".
var Version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case release != "":
		return release
	case !ok || info.Main.Version == "" || info.Main.Version == "(devel)":
		return "devel"
	}
	return info.Main.Version
})

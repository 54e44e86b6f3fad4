//go:build !unix

package computer

import "time"

// ProcessorTime is not known on this system.
func ProcessorTime() time.Duration { return 0 }

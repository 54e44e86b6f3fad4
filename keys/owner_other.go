//go:build !unix

package keys

import "io/fs"

// hasModes: access is governed by the folder of the user's profile.
const hasModes = false

const openFlags = 0

func isLink(error) bool { return false }

func isOurs(fs.FileInfo) bool { return true }

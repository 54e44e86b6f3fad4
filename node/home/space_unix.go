//go:build unix

package home

import "golang.org/x/sys/unix"

// DiskSpace is the room that the disk of a folder has for this user, and its size, in bytes.
func DiskSpace(dir string) (free, size uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), uint64(st.Blocks) * uint64(st.Bsize), nil
}

package home

import "golang.org/x/sys/windows"

// DiskSpace is the room that the disk of a folder has for this user, and its size, in bytes.
func DiskSpace(dir string) (free, size uint64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &free, &size, nil)
	return free, size, err
}

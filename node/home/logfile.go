package home

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// MaxLog is the size of a log file from which on a new one is begun, in bytes.
const MaxLog = 8 << 20

// LogFile is a log in a file, which is never longer than twice MaxLog with the one
// before it (PATH.old). Its methods may be called from any goroutine.
type LogFile struct {
	path string
	most int64

	mu   sync.Mutex
	f    *os.File
	size int64
}

// OpenLog opens a log file at its end, and makes it, for this user only, if there is
// none.
func OpenLog(path string) (*LogFile, error) {
	l := &LogFile{path: path, most: MaxLog}
	return l, l.open()
}

func (l *LogFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w: choose another folder with --home DIR", err)
	}
	st, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("opening the log: %w: choose another folder with --home DIR", err), f.Close())
	}
	l.f, l.size = f, st.Size()
	return nil
}

// Write implements io.Writer. If a new file cannot be begun, the old one goes on.
func (l *LogFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return 0, os.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(p)) > l.most {
		if err := os.Rename(l.path, l.path+".old"); err == nil {
			old := l.f
			if err := l.open(); err != nil {
				l.f = old
			} else {
				old.Close() // all of it is written
			}
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *LogFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}

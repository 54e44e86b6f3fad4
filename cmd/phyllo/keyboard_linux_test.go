package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pretended terminal: what is written to keyboard is typed at screen.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// TestDemoAtATerminal: each Enter prints a fresh way in to the page.
func TestDemoAtATerminal(t *testing.T) {
	tmp := newHome(t)
	keyboard, screen := terminal(t)
	cmd := program(t, tmp, "demo", "--nodes", "2")
	cmd.Env = append(cmd.Env, "TEST_LAUNCH=village", "TMPDIR="+tmp)
	cmd.Stdin = screen
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "  page  ")
		if !ok {
			continue
		}
		if !strings.Contains(rest, "again: press Enter") {
			t.Errorf("no word of Enter: %s", rest)
		}
		address, _, _ := strings.Cut(rest, "  ")
		enter(t, address)
		if seen[address] = true; len(seen) == 3 {
			cmd.Process.Signal(os.Interrupt)
			break
		}
		if _, err := keyboard.WriteString("\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil || len(seen) != 3 {
		t.Errorf("%v, after %d addresses", err, len(seen))
	}
}

// TestTerminalThatIsGone: a node that stays at a terminal stops in order with it.
func TestTerminalThatIsGone(t *testing.T) {
	home := newHome(t)
	keyboard, screen := terminal(t)
	cmd := program(t, home, "up", "--foreground", "--json", "--ui", "off")
	cmd.Stdin = screen
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(pipe).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	keyboard.Close()
	cmd.Process.Signal(unix.SIGHUP)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(home + "/control.sock"); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

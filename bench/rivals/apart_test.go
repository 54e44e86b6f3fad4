package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// testApart runs TestApart in a network of its own.
func testApart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestApart$", "-test.v")
	cmd.Env = append(os.Environ(), apart+"=1")
	if !setApart(cmd) {
		t.Log("this system has no networks that a program can make for itself: bytes are those of the machine's device")
		return
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Log("this system lets only its administrator make networks: bytes are those of the machine's device")
		return
	}
	if err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
}

// talk sends 1,000 bytes over loopback.
func talk(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			_, err = c.Write(make([]byte, 1000))
			err = errors.Join(err, c.Close())
		}
		sent <- err
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

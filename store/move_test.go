package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var (
	_ task.Source = store.BlobSource{}
	_ task.Source = store.ReaderSource{}
	_ task.Sink   = store.WriterSink{}
	_ task.Sink   = store.Draft(nil)
)

func TestParseOutline(t *testing.T) {
	o := store.OutlineOf(make([]byte, 2*store.ChunkSize+5))
	again, err := store.ParseOutline(o.Size, o.Bytes())
	if err != nil || again.Hash() != o.Hash() {
		t.Errorf("%+v: %v", again, err)
	}
	for _, n := range []int{0, 1, 32, 95, 97, 128} {
		if _, err := store.ParseOutline(o.Size, append(o.Bytes(), make([]byte, 64)...)[:n]); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("of %d bytes: %v", n, err)
		}
	}
}

// What a reader or a blob has goes chunk by chunk to a writer that verifies it.
func TestSourcesAndSinks(t *testing.T) {
	content := bytes.Repeat([]byte("content "), store.ChunkSize/4) // two chunks
	content = append(content, "and more"...)
	o := store.OutlineOf(content)
	blobs := mem.New().Blobs()
	h, err := store.PutBlob(blobs, content)
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]task.Source{
		"reader": store.ReaderSource{Reader: bytes.NewReader(content), Size: o.Size}, "blob": store.BlobSource{Blobs: blobs, Hash: h},
	} {
		var out bytes.Buffer
		to := store.WriterSink{Outline: o, Writer: &out}
		buffer := make([]byte, 10) // too small for some
		for n := range o.Chunks {
			if buffer, err = from.ReadChunk(n, buffer); err != nil {
				t.Fatal(name, err)
			}
			if err := to.WriteChunk(n, buffer); err != nil {
				t.Fatal(name, err)
			}
		}
		if !bytes.Equal(out.Bytes(), content) {
			t.Errorf("%s: %d bytes came", name, out.Len())
		}
		for _, n := range []int{-1, len(o.Chunks)} {
			if _, err := from.ReadChunk(n, nil); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s, chunk %d: %v", name, n, err)
			}
		}
		buffer[3] ^= 1
		if err := to.WriteChunk(len(o.Chunks)-1, buffer); !errors.Is(err, store.ErrMismatch) {
			t.Errorf("another content is written: %v", err)
		}
	}
	short := store.ReaderSource{Reader: bytes.NewReader(content[:100]), Size: o.Size}
	if _, err := short.ReadChunk(0, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that has less: %v", err)
	}
}

package id_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
)

var update = flag.Bool("update", false, "write testdata/vectors.txt anew")

// vectors are hashes of one kind each, as another implementation would read them:
// a part is bytes:HEX, text:STRING, int:NUMBER, id:HEX or hash:HEX.
var vectors = []string{
	"nothing",
	"text text:",
	"text text:hello",
	"bytes bytes:68656c6c6f",
	"int int:0",
	"int int:-1",
	"int int:23",
	"int int:24",
	"int int:9223372036854775807",
	"id id:a5000000000000000000000000000000",
	"hash hash:00000000000000000000000000000000000000000000000000000000000000ff",
	"two text:ab text:c",
	"two text:a text:bc",
	"node bytes:" + strings.Repeat("11", 32) + " bytes:" + strings.Repeat("22", 16),
}

func parts(t *testing.T, fields []string) []any {
	var out []any
	for _, f := range fields {
		kind, v, _ := strings.Cut(f, ":")
		var part any
		var err error
		switch kind {
		case "text":
			part = v
		case "bytes":
			part, err = hex.DecodeString(v)
		case "int":
			part, err = strconv.ParseInt(v, 10, 64)
		case "id":
			part, err = id.Parse(v)
		case "hash":
			var h id.Hash
			err = h.UnmarshalText([]byte(v))
			part = h
		default:
			t.Fatalf("part %q", f)
		}
		if err != nil {
			t.Fatal(f, err)
		}
		out = append(out, part)
	}
	return out
}

// The hashes never change: every id in every ring rests on them.
func TestHashVectors(t *testing.T) {
	const file = "testdata/vectors.txt"
	if *update {
		var b bytes.Buffer
		b.WriteString("# SHA-256 over the deterministic CBOR array [\"phyllo/KIND/1\", part, ...]\n# KIND part... = hash\n")
		for _, v := range vectors {
			f := strings.Fields(v)
			fmt.Fprintf(&b, "%s = %s\n", v, id.HashOf(f[0], parts(t, f[1:])...))
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		in, want, _ := strings.Cut(s.Text(), " = ")
		f := strings.Fields(in)
		if got := id.HashOf(f[0], parts(t, f[1:])...); got.String() != want {
			t.Errorf("%s = %s, want %s", in, got, want)
		}
		n++
	}
	if n != len(vectors) {
		t.Errorf("%d vectors in %s, want %d: run go test ./id -update", n, file, len(vectors))
	}
}

func TestHashPlace(t *testing.T) {
	h := id.HashOf("nothing")
	if got := h.Place().String(); got != h.String()[:32] {
		t.Errorf("%s lies at %s", h, got)
	}
	if h.IsZero() || !(id.Hash{}).IsZero() {
		t.Error("IsZero")
	}
}

// Parts do not run together, and kinds do not meet.
func TestHashesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "b")
		joined := append(bytes.Clone(a), b...)
		hashes := []id.Hash{
			id.HashOf("k", a, b), id.HashOf("k", joined), id.HashOf("k", joined, []byte{}), id.HashOf("k", string(joined)),
			id.HashOf("l", a, b), id.HashOf("k", b, a, b),
		}
		for i, x := range hashes {
			for _, y := range hashes[i+1:] {
				if x == y {
					t.Fatalf("one hash for different parts: %v", hashes)
				}
			}
		}
	})
}

func TestHashOfNonsensePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a function has a hash")
		}
	}()
	id.HashOf("k", func() {})
}

// What is written by hand is what the codec writes, whatever the type and size of a part.
func TestPartsAreDeterministicCBOR(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	plain := rapid.Custom(func(t *rapid.T) any {
		return rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 300).AsAny(), rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Int64().AsAny(),
			rapid.Uint8().AsAny(), rapid.Uint16().AsAny(), rapid.Uint32().AsAny(), rapid.Uint64().AsAny(), rapid.Bool().AsAny(),
			rapid.Just[any]([]byte(nil)), rapid.Just[any](bytes.Repeat([]byte{7}, 70_000)),
		).Draw(t, "part")
	})
	part := rapid.OneOf(plain, rapid.SliceOfN(plain, 0, 30).AsAny())
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(part, 0, 30).Draw(t, "parts")
		kind := rapid.StringN(0, 40, 40).Draw(t, "kind")
		b, err := mode.Marshal(append([]any{"phyllo/" + kind + "/1"}, parts...))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := id.HashOf(kind, parts...), id.Hash(sha256.Sum256(b)); got != want {
			t.Errorf("HashOf(%q, %v) = %v, the codec's is %v", kind, parts, got, want)
		}
	})
}

// The parts of a hash take no memory, whatever their types.
func TestPartsTakeNoMemory(t *testing.T) {
	h, n, b := id.HashOf("x"), id.ID{Hi: 1}, make([]byte, 32)
	if got := testing.AllocsPerRun(100, func() {
		id.HashOf("k", h, n, b, b[:16], uint64(len(b))<<40, int64(len(b)), uint32(len(b)), uint16(len(b)), uint8(len(b)), len(b)*1000, len(b) > 3)
	}); got != 0 {
		t.Errorf("a hash takes memory %v times", got)
	}
}

func BenchmarkHashOf(b *testing.B) {
	h, n := id.HashOf("x"), id.ID{Hi: 1}
	key := bytes.Repeat([]byte{1}, 32)
	b.ReportAllocs()
	for b.Loop() {
		id.HashOf("file certificate", h, uint8(1), key, key, key[:16], h, int64(1024), uint8(3), int64(1<<41), int64(0), uint64(0), n)
	}
}

package record_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	toyRing = peer.RingID(standin.NewSigner(1, 0).Public())
	newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// drawRecord is any record within the limits, signed.
func drawRecord(rt *rapid.T) *record.Record {
	name, err := record.ParseName(rapid.StringMatching(`[#/]?[a-z0-9][a-z0-9._-]{0,20}[a-z]`).Draw(rt, "name"))
	if err != nil {
		rt.Fatal(err)
	}
	r := &record.Record{
		Name: name, SealKey: rapid.SliceOfN(rapid.Byte(), 1, 1300).Draw(rt, "seal"),
		SealNumber: rapid.Uint32().Draw(rt, "number"), Version: rapid.Uint64Min(1).Draw(rt, "version"),
	}
	for i := range rapid.IntRange(0, record.MaxDevices).Draw(rt, "devices") {
		r.Devices = append(r.Devices, &record.Device{Node: id.ID{Hi: rapid.Uint64().Draw(rt, "node"), Lo: uint64(i + 1)}, Since: int64(i)})
	}
	r.Profile.FullName = clean(rapid.StringN(0, 30, record.MaxFullName).Draw(rt, "full name"))
	r.Profile.About = clean(rapid.StringN(0, 200, record.MaxAbout).Draw(rt, "about"))
	for range rapid.IntRange(0, 4).Draw(rt, "interests") {
		r.Profile.Interests = append(r.Profile.Interests, "x"+clean(rapid.StringN(0, 10, 60).Draw(rt, "interest")))
	}
	return r.Sign(toyRing, standin.NewSigner(2, 0), newYear)
}

func clean(s string) string { return strings.ToValidUTF8(s, "") }

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRecord(rt)
		if err := r.Verify(toyRing, standin.Verifier{}); err != nil {
			rt.Fatal(err)
		}
		got := new(record.Record)
		if err := wire.Unmarshal(wire.MustMarshal(r), got); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(r, got); d != "" {
			rt.Fatal(d)
		}
		if err := got.Verify(toyRing, standin.Verifier{}); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestEveryFieldIsSigned changes each field of a record and its ring.
func TestEveryFieldIsSigned(t *testing.T) {
	base := func() *record.Record {
		r := &record.Record{
			Name: "bob", SealKey: peer.SealKey("seal"), SealNumber: 1, Version: 3,
			Devices: []*record.Device{{Node: id.Tiny(1), Since: 1}, {Node: id.Tiny(2), Since: 2}},
			Profile: record.Profile{FullName: "Bob", About: "me", Interests: []string{"a", "b"}},
		}
		return r.Sign(toyRing, standin.NewSigner(3, 0), newYear)
	}
	if err := base().Verify(toyRing, standin.Verifier{}); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*record.Record){
		"name":          func(r *record.Record) { r.Name = "rob" },
		"identity":      func(r *record.Record) { r.Identity = standin.NewSigner(4, 0).Public() },
		"sealing key":   func(r *record.Record) { r.SealKey = peer.SealKey("mine") },
		"its number":    func(r *record.Record) { r.SealNumber++ },
		"device":        func(r *record.Record) { r.Devices[0] = &record.Device{Node: id.Tiny(3), Since: 1} },
		"since":         func(r *record.Record) { r.Devices[0] = &record.Device{Node: id.Tiny(1), Since: 9} },
		"devices":       func(r *record.Record) { r.Devices = r.Devices[:1] },
		"their order":   func(r *record.Record) { slices.Reverse(r.Devices) },
		"full name":     func(r *record.Record) { r.Profile.FullName = "" },
		"about":         func(r *record.Record) { r.Profile.About += "?" },
		"interests":     func(r *record.Record) { r.Profile.Interests = []string{"ab"} },
		"version":       func(r *record.Record) { r.Version++ },
		"time":          func(r *record.Record) { r.Time++ },
		"the signature": func(r *record.Record) { r.Sig[0] ^= 1 },
		"its length":    func(r *record.Record) { r.Sig = r.Sig[:63] },
	} {
		r := base()
		change(r)
		if err := r.Verify(toyRing, standin.Verifier{}); !errors.Is(err, record.ErrRecord) {
			t.Errorf("%s changed: %v", what, err)
		}
	}
	if err := base().Verify(id.HashOf("another ring"), standin.Verifier{}); !errors.Is(err, record.ErrRecord) {
		t.Errorf("in another ring: %v", err)
	}
}

func TestRecordLimits(t *testing.T) {
	for what, change := range map[string]func(*record.Record){
		"no name":            func(r *record.Record) { r.Name = "" },
		"name not normal":    func(r *record.Record) { r.Name = "Bob" },
		"bad name":           func(r *record.Record) { r.Name = "b b" },
		"big sealing key":    func(r *record.Record) { r.SealKey = make([]byte, record.MaxSealKey+1) },
		"many devices":       func(r *record.Record) { r.Devices = devices(record.MaxDevices + 1) },
		"nil device":         func(r *record.Record) { r.Devices = []*record.Device{nil} },
		"device without id":  func(r *record.Record) { r.Devices = []*record.Device{{}} },
		"device twice":       func(r *record.Record) { r.Devices = append(devices(2), devices(1)...) },
		"device before 1970": func(r *record.Record) { r.Devices = devices(1); r.Devices[0].Since = -1 },
		"long full name":     func(r *record.Record) { r.Profile.FullName = strings.Repeat("x", record.MaxFullName+1) },
		"long about":         func(r *record.Record) { r.Profile.About = strings.Repeat("x", record.MaxAbout+1) },
		"many interests":     func(r *record.Record) { r.Profile.Interests = make([]string, record.MaxInterests+1) },
		"empty interest":     func(r *record.Record) { r.Profile.Interests = []string{""} },
		"long interest": func(r *record.Record) {
			r.Profile.Interests = []string{strings.Repeat("x", record.MaxInterest+1)}
		},
		"no version": func(r *record.Record) { r.Version = 0 },
	} {
		r := &record.Record{Name: "bob", Version: 1}
		change(r)
		if err := r.Sign(toyRing, standin.NewSigner(3, 0), newYear).Check(); !errors.Is(err, record.ErrRecord) {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := &record.Record{Name: record.Name(strings.Repeat("é", 64)), Version: 1, SealKey: make([]byte, record.MaxSealKey),
		Devices: devices(record.MaxDevices), Profile: record.Profile{FullName: strings.Repeat("x", record.MaxFullName),
			About: strings.Repeat("x", record.MaxAbout), Interests: slices.Repeat([]string{strings.Repeat("x", record.MaxInterest)}, record.MaxInterests)}}
	if err := full.Sign(toyRing, standin.NewSigner(3, 0), newYear).Check(); err != nil {
		t.Errorf("a record with everything at its limit: %v", err)
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-5, 0), time.Unix(1<<41, 0)} {
		r := &record.Record{Name: "bob", Version: 1}
		if err := r.Sign(toyRing, standin.NewSigner(3, 0), at).Check(); !errors.Is(err, record.ErrRecord) {
			t.Errorf("signed at %s: %v", at, err)
		}
	}
}

func devices(n int) (ds []*record.Device) {
	for i := range n {
		ds = append(ds, &record.Device{Node: id.ID{Hi: uint64(i + 1)}, Since: 1 << 39})
	}
	return ds
}

// TestFingerprint has a fixed value: it is shown to people, and must never change.
func TestFingerprint(t *testing.T) {
	if got := record.Fingerprint(peer.Key{1, 2, 3}); len(got) != 24 || got != id.HashOf("fingerprint", append([]byte{1, 2, 3}, make([]byte, 29)...)).String()[:24] {
		t.Errorf("fingerprint %s", got)
	}
}

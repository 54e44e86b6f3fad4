package people_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/people"
)

var ring = id.Hash{1}

func somebody(t *testing.T, name directory.Name) *people.Resident {
	signer, err := keys.NewSigner(keys.Random())
	if err != nil {
		t.Fatal(err)
	}
	seal, err := keys.NewSealPair(1)
	if err != nil {
		t.Fatal(err)
	}
	rec := &directory.Record{Name: name, Identity: signer.Public(), Version: 1}
	return &people.Resident{Signer: signer, Seals: []*keys.SealPair{seal}, Rec: rec.Sign(ring, signer, time.Unix(1_800_000_000, 0))}
}

func load(t *testing.T, dir string) (*people.People, string) {
	var log bytes.Buffer
	p, err := people.Load(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, log.String()
}

// Users are there again after a start, by name; a folder that was half made is gone, and
// one that cannot be read is left out and harms nobody.
func TestUsersOutliveTheNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "users")
	p, _ := load(t, dir)
	if _, err := p.Named(""); err == nil || !strings.Contains(err.Error(), "phyllo user add") {
		t.Errorf("nobody lives here: %v", err)
	}
	bob, alice := somebody(t, "bob"), somebody(t, "alice")
	for _, u := range []*people.Resident{bob, alice} {
		if err := p.Save(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Save(bob); err == nil {
		t.Error("bob came twice")
	}
	half, broken := filepath.Join(dir, "new-half"), filepath.Join(dir, keys.FingerprintOf(somebody(t, "eve").Key()).String())
	for _, d := range []string{half, broken} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, log := load(t, dir)
	all := p.All()
	if len(all) != 2 || all[0].Name() != "alice" || all[1].Key() != bob.Key() || len(all[1].Seals) != 1 {
		t.Fatalf("after a start %d users are there", len(all))
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) || !strings.Contains(log, broken) || strings.Contains(log, half) {
		t.Errorf("half a folder: %v; the log says %s", err, log)
	}
	if u, err := p.Named("ALICE"); err != nil || u.Key() != alice.Key() {
		t.Errorf("alice by another spelling: %v", err)
	}
	if _, err := p.Named(""); err == nil || !strings.Contains(err.Error(), "alice, bob") {
		t.Errorf("which one is meant: %v", err)
	}
}

// The newest record is kept, whoever writes last; who is forgotten does not come back.
func TestNewestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "users")
	p, _ := load(t, dir)
	bob := somebody(t, "bob")
	if err := p.Save(bob); err != nil {
		t.Fatal(err)
	}
	placed := *p.ByKey(bob.Key())
	placed.Rec = placed.PlacedAt(ring, id.Tiny(3), time.Unix(1_800_000_001, 0))
	if err := p.Note(&placed); err != nil {
		t.Fatal(err)
	}
	old := placed
	old.Rec = bob.Rec
	if err := p.Note(&old); err != nil {
		t.Fatal(err)
	}
	p, _ = load(t, dir)
	u := p.ByKey(bob.Key())
	if u == nil || u.Rec.Version != 2 || len(u.Rec.Devices) != 1 || u.PlacedAt(ring, id.Tiny(3), time.Now()) != u.Rec {
		t.Fatalf("kept is %+v", u)
	}
	if other := u.PlacedAt(id.Hash{2}, id.Tiny(4), time.Now()); len(other.Devices) != 1 || other.Devices[0].Node != id.Tiny(4) {
		t.Errorf("in another ring he is at %v", other.Devices)
	}
	if err := p.Forget(u); err != nil {
		t.Fatal(err)
	}
	if p, _ = load(t, dir); len(p.All()) != 0 {
		t.Error("who was forgotten came back")
	}
}

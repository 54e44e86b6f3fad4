package im_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/store/mem"
)

func TestEverySettingIsChecked(t *testing.T) {
	if err := im.Default().Validate(); err != nil {
		t.Fatal(err)
	}
	typ := reflect.TypeFor[im.Config]()
	for i := range typ.NumField() {
		for _, bad := range []int64{-1, int64(1000 * 24 * time.Hour)} {
			c := im.Default()
			reflect.ValueOf(&c).Elem().Field(i).SetInt(bad)
			err := c.Validate()
			if err == nil || !strings.Contains(err.Error(), typ.Field(i).Name) {
				t.Errorf("%s = %d: %v", typ.Field(i).Name, bad, err)
			}
		}
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	full := im.Deps{Ring: ring, Store: mem.New(), Directory: &phone{}, Verifier: verifier{}, Sealer: sealer{}}
	if _, err := im.New(im.Default(), full); err != nil {
		t.Fatal(err)
	}
	for i := range reflect.TypeFor[im.Deps]().NumField() {
		d := full
		reflect.ValueOf(&d).Elem().Field(i).SetZero()
		if _, err := im.New(im.Default(), d); err == nil {
			t.Errorf("without %s", reflect.TypeFor[im.Deps]().Field(i).Name)
		}
	}
	if _, err := im.New(im.Config{}, full); err == nil {
		t.Error("without settings")
	}
}

func TestUsersMustBeWhole(t *testing.T) {
	m, err := im.New(im.Default(), im.Deps{Ring: ring, Store: mem.New(), Directory: &phone{}, Verifier: verifier{}, Sealer: sealer{}})
	if err != nil {
		t.Fatal(err)
	}
	bob := user("bob")
	for what, u := range map[string]im.User{
		"no signer":      {Name: "bob", Seals: bob.Seals},
		"no sealing key": {Name: "bob", Signer: bob.Signer},
		"no key":         {Name: "bob", Signer: signer{}, Seals: bob.Seals},
		"long name":      {Name: strings.Repeat("x", letter.MaxName+1), Signer: bob.Signer, Seals: bob.Seals},
	} {
		if err := m.AddUser(u); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, _, err := m.Send(nil, bob.Key(), "alice", "x"); err == nil {
		t.Error("Send before Start")
	}
}

package typed_test

import (
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	entries "github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/typed"
)

// What is right is read as it was meant; what is not is the mistake of who typed it.
func TestTyped(t *testing.T) {
	hash := id.HashOf("a message")
	key := hash.Place()
	name, err := typed.Person("Bob")
	check(t, name, "bob", err)
	topic, err := typed.Topic("Ann/News")
	check(t, topic.String(), "ann/news", err)
	place, err := typed.Place(key.String())
	check(t, place, key, err)
	place, err = typed.Place("Bob")
	check(t, place, name.Key(), err)
	room, err := typed.Room("#book club")
	check(t, room, "book club", err)
	role, err := typed.Role(api.RoleAdmin)
	check(t, role, entries.Admin, err)
	message, err := typed.Message(hash.String())
	check(t, message, hash, err)
	called, err := typed.Space("My photos")
	check(t, called, "My photos", err)
	file, err := typed.File("letters/bob.txt")
	check(t, file, "letters/bob.txt", err)
	for _, name := range []string{"letters/", "/x", "..", "a\nb", "a//b"} { // the latter as an altered program stores them
		there, err := typed.FileOrLink(name)
		check(t, there, name, err)
	}
	folder, err := typed.NewName("letters/")
	check(t, folder, "letters/", err)
	fresh, err := typed.NewFile("letters/bob.txt")
	check(t, fresh, "letters/bob.txt", err)
	granted, err := typed.SpaceLink("phyllo://space/x")
	check(t, granted, "phyllo://space/x", err)
	shared, err := typed.FileOrLink("phyllo://file/x")
	check(t, shared, "phyllo://file/x", err)
	line, err := typed.Invitation("phyllo1aa")
	check(t, line, "phyllo1aa", err)
	entry, err := typed.TableKey("a//b")
	check(t, entry, "a//b", err)
	app, err := typed.AppKey("ABCDEFGHIJKLMNOPQ234")
	check(t, app, "ABCDEFGHIJKLMNOPQ234", err)

	long := strings.Repeat("a", 1000)
	wrong(t, typed.Person, "", "#bob", "/bob", "bob smith", "bob.", key.String(), long)
	wrong(t, typed.Topic, "", "ann/", "ann/bob/news", "#news", "big news", long)
	wrong(t, typed.Place, "", "bob smith", long)
	wrong(t, typed.Room, "", "#", "a\x1b[31m", "\xff", long)
	wrong(t, typed.Role, "", "king", "Admin", long)
	wrong(t, typed.Message, "", "12ab", hash.String()+"00", strings.Repeat("x", 64), long)
	wrong(t, typed.Space, "", ".", "..", "a/b", "a\n", "\xff", long)
	wrong(t, typed.File, "", "a\x00", "\xff", long+long)
	wrong(t, typed.FileOrLink, "", "a\x00", granted)
	wrong(t, typed.NewName, "", "/", "a//b", "/a", "../a", "a\n", "\xff", long+long)
	wrong(t, typed.NewFile, "", "a//b", "a/", long+"/")
	wrong(t, typed.SpaceLink, "", "letters", shared)
	wrong(t, typed.TableKey, "", "\xff", long+long)
	wrong(t, typed.Invitation, "", "hello", long)
	wrong(t, typed.AppKey, "", "zz", "A-2")
}

func check[T comparable](t *testing.T, got, want T, err error) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func wrong[T any](t *testing.T, read func(string) (T, error), texts ...string) {
	t.Helper()
	for _, s := range texts {
		if x, err := read(s); api.KindOf(err) != api.Usage || len(err.Error()) > 400 {
			t.Errorf("%.40q: %v, %v (%v)", s, x, err, api.KindOf(err))
		}
	}
}

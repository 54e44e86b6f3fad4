package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/demo"
	"github.com/phyllo-net/phyllo/cmd/phyllo/people"
	"github.com/phyllo-net/phyllo/cmd/phyllo/storage"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/config"
)

// jsonPage is where the output of --json is documented.
const jsonPage = "../../docs/json.md"

// field is a row of a table there.
type field struct {
	kind     string // as it stands there
	optional bool
}

// shape is a table: the fields of one kind of line, or of an object in it.
type shape map[string]field

// page is the documentation as data.
type page struct {
	// shapes are the tables below a heading; several where a command prints one or the
	// other.
	shapes map[string][]shape
	// same leads from a heading to the one that it names, whose tables are good for it too.
	same map[string]string
}

var (
	fieldRow  = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\| (\\S+)( \\?)? \\| \\S.* \\|$")
	reference = regexp.MustCompile(`\[phyllo [a-z ]+\]\(#(phyllo-[a-z-]+)\)`)
)

func readPage(t *testing.T) page {
	t.Helper()
	b, err := os.ReadFile(jsonPage)
	if err != nil {
		t.Fatal(err)
	}
	p := page{shapes: map[string][]shape{}, same: map[string]string{}}
	heading, open := "", shape(nil)
	for _, line := range strings.Split(string(b), "\n") {
		if name, found := strings.CutPrefix(line, "### "); found {
			heading, open = name, nil
			p.shapes[heading] = nil
			continue
		}
		if strings.HasPrefix(line, "## ") {
			heading = ""
		}
		if heading == "" {
			continue
		}
		switch row := fieldRow.FindStringSubmatch(line); {
		case row != nil && open != nil:
			if _, twice := open[row[1]]; twice {
				t.Errorf("%s has %s twice", heading, row[1])
			}
			open[row[1]] = field{row[2], row[3] != ""}
		case line == "| field | type | what |":
			open = shape{}
			p.shapes[heading] = append(p.shapes[heading], open)
		case line == "|---|---|---|":
		case strings.HasPrefix(line, "|"):
			t.Errorf("below %s: not a row of a table: %s", heading, line)
		default:
			open = nil
			if ref := reference.FindStringSubmatch(line); ref != nil {
				p.same[heading] = strings.ReplaceAll(ref[1], "-", " ")
			}
		}
	}
	for heading, other := range p.same {
		p.shapes[heading] = append(slices.Clone(p.shapes[other]), p.shapes[heading]...)
	}
	return p
}

// line checks what one line of a command's output is against the shapes for it, and
// marks the fields that it has as seen. It wants to fit one of them.
func (p page) line(heading, text string, seen map[string]bool) error {
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return fmt.Errorf("%q is no JSON object: %w", text, err)
	}
	var err error
	for i, s := range p.shapes[heading] {
		fits := p.object(s, v)
		if fits == nil {
			for name := range v {
				seen[fmt.Sprint(heading, i, name)] = true
			}
			return nil
		}
		if err == nil {
			err = fits
		}
	}
	if err == nil {
		err = fmt.Errorf("docs/json.md has no table")
	}
	return fmt.Errorf("%s prints %s: %w", heading, text, err)
}

func (p page) object(s shape, v map[string]any) error {
	for name, value := range v {
		f, known := s[name]
		if !known {
			return fmt.Errorf("docs/json.md does not know the field %q", name)
		}
		if err := p.value(f.kind, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, f := range s {
		if _, there := v[name]; !there && !f.optional {
			return fmt.Errorf("docs/json.md says that there is always a field %q", name)
		}
	}
	return nil
}

func (p page) value(kind string, v any) error {
	if element, list := strings.CutPrefix(kind, "["); list {
		values, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%v is no list", v)
		}
		for _, x := range values {
			if err := p.value(strings.TrimSuffix(element, "]"), x); err != nil {
				return err
			}
		}
		return nil
	}
	text, isText := v.(string)
	ok := false
	switch kind {
	case "any":
		ok = v != nil
	case "text":
		ok = isText
	case "bool":
		_, ok = v.(bool)
	case "number":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	case "id":
		_, err := id.Parse(text)
		ok = isText && err == nil
	case "hash":
		ok = regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(text)
	case "bytes":
		_, err := base64.StdEncoding.DecodeString(text)
		ok = isText && err == nil
	case "time":
		at, err := time.Parse(time.RFC3339Nano, text)
		_, offset := at.Zone()
		ok = isText && err == nil && offset == 0
	default:
		shapes := p.shapes[kind]
		object, isObject := v.(map[string]any)
		if len(shapes) != 1 || !isObject {
			return fmt.Errorf("%v is no %s", v, kind)
		}
		return p.object(shapes[0], object)
	}
	if !ok {
		return fmt.Errorf("%v is no %s", v, kind)
	}
	return nil
}

// TestJSON plays every command that prints data with --json, and holds what it
// prints against docs/json.md.
func TestJSON(t *testing.T) {
	p := readPage(t)
	home := newHome(t)
	s := &script{t: t, dir: home, env: []string{"HOME=" + home, "PHYLLO_HOME=" + home + "/node", "LANG=C.UTF-8"}}
	seen, played := map[string]bool{}, map[string]bool{}
	play := func(heading, args string, want int) {
		t.Helper()
		out := s.command(strings.TrimSpace("phyllo --json " + strings.TrimPrefix(heading, "phyllo ") + " " + args))
		n := 0
		for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
			if strings.HasPrefix(line, "2> ") {
				continue
			}
			n++
			if err := p.line(heading, line, seen); err != nil {
				t.Error(err)
			}
		}
		if n < want || strings.HasSuffix(out, "]\n") {
			t.Errorf("%s %s: %d lines, want %d or more: %s", heading, args, n, want, out)
		}
		played[heading] = true
	}

	s.prepare([]string{"file", "good.toml", "lan = true\n"})
	play("phyllo config show", "", 10)
	play("phyllo config check", "", 1)
	play("phyllo config check", "$DIR/good.toml", 1)
	play("phyllo version", "", 1)
	play("phyllo man", "$DIR/man", 1)
	s.prepare([]string{"node"})
	play("phyllo status", "", 1)
	play("phyllo doctor", "", 3)
	play("phyllo invite", "", 1)
	play("phyllo join", "", 2)
	play("phyllo join", "phyllo1aq3xk5zt7mfvw2ryhc6n4sbgdejpulo", 1)
	play("phyllo join", "--lan home --yes", 1)
	play("phyllo member list", "", 3)
	play("phyllo member admit", "271828", 1)
	for _, change := range []string{"expel", "pardon", "promote", "expel"} {
		play("phyllo member "+change, "ca12f31b8cbf5f29e268ea64c20a37f3", 1)
	}
	play("phyllo member list", "", 3)

	secret := "--passphrase-file $DIR/words"
	s.prepare([]string{"file", "words", "a few words of mine\n"})
	play("phyllo ring backup", "$DIR/ring "+secret, 1)
	play("phyllo ring restore", "$DIR/ring "+secret, 1)
	play("phyllo ring gift", "2GB", 1)
	play("phyllo user add", `ann --full-name "Ann Example" --about bees --interests tea,bees`, 1)
	play("phyllo ring census", "", 1)
	play("phyllo user find", "bob", 1)
	play("phyllo user find", `"*a*"`, 3)
	play("phyllo user list", "", 1)
	play("phyllo user list", "--all --limit 3", 4)
	play("phyllo user edit", `ann --about "no bees" --unlisted`, 1)
	play("phyllo user export", "ann $DIR/ann "+secret, 1)
	play("phyllo contact add", "bob", 1)
	play("phyllo user verify", "bob", 1)
	play("phyllo user verify", "kim", 1)
	play("phyllo user verify", "bob --fingerprint e737386ba7d8efdb2a513c0c", 1)
	play("phyllo contact verify", "bob --fingerprint e737386ba7d8efdb2a513c0c", 1)
	play("phyllo contact verify", "bob", 1)
	play("phyllo contact block", "carol", 1)
	s.prepare([]string{"stranger", "ann", "dan", "let me in"})
	play("phyllo contact list", "", 3)
	play("phyllo send", "bob hello", 1)
	play("phyllo send", "dave hello", 1)
	s.prepare([]string{"receive", "ann", "bob", "hello"})
	play("phyllo inbox", "", 2)
	play("phyllo contact accept", "ca80328f0893eb4b1ac52325", 1)
	play("phyllo contact rm", "ca80328f0893eb4b1ac52325", 1)
	play("phyllo ping", "bob", 1)
	play("phyllo ping", "ca12f31b8cbf5f29e268ea64c20a37f3", 1)
	play("phyllo trace", "bob", 1)
	play("phyllo room create", "garden", 1)
	play("phyllo room invite", "garden bob", 1)
	play("phyllo room role", "garden bob admin", 1)
	play("phyllo send", `"#garden" hello`, 1)
	play("phyllo room list", "garden", 2)
	play("phyllo room history", "garden --receipts", 1)
	play("phyllo room set", "garden --receipts off --stored on", 1)
	play("phyllo room rename", "garden meadow", 1)
	s.prepare([]string{"invited", "ann", "bob", "club"})
	play("phyllo room list", "", 2)
	play("phyllo room find", "bob", 1)
	play("phyllo room join", "club", 1)
	play("phyllo room history", "club", 1)
	play("phyllo room leave", "club", 1)
	play("phyllo dht put", "colour blue", 1)
	play("phyllo dht get", "colour", 1)
	s.prepare([]string{"rival", "colour", "red"})
	play("phyllo dht rivals", "colour", 1)
	play("phyllo dht put", "colour blue", 1)
	play("phyllo dht rivals", "colour", 1)
	play("phyllo dht rm", "colour --if-version 2", 1)
	play("phyllo pub", "news hello", 1)
	play("phyllo sub", "news --last 1 --count 1", 2)
	play("phyllo topic set", "news --publish ann,bob", 1)
	play("phyllo topic list", "", 1)
	play("phyllo topic tree", "news", 3)
	play("phyllo topic bench", "bench/slow --rate 100 --for 1s", 1)
	play("phyllo work offer", "thumbnails cat.png", 3)
	play("phyllo work offer", "later cat.png --leave", 1)
	play("phyllo work list", "", 1)
	play("phyllo work list", "thumbnails", 3)
	play("phyllo work withdraw", "later --all", 1)
	play("phyllo work take", "thumbnails --count 2 -- echo {}", 3)
	s.prepare([]string{"file", "notes", "buy tea\n"})
	play("phyllo put", "$DIR/notes --expires 30d", 1)
	play("phyllo put", "$DIR/notes --as folder/notes", 1)
	play("phyllo ls", "", 2)
	play("phyllo history", "notes", 1)
	play("phyllo get", "notes -o $DIR/got", 1)
	play("phyllo share", "notes", 1)
	play("phyllo df", "", 1)
	play("phyllo mv", "folder/notes letters/", 1)
	play("phyllo rm", "notes", 1)
	play("phyllo space create", "holidays", 1)
	play("phyllo space grant", "holidays bob", 1)
	play("phyllo space list", "", 2)
	play("phyllo space revoke", "holidays bob", 1)
	play("phyllo space add", "phyllo://space/garden", 1)
	played["phyllo cat"] = true // prints the file
	play("phyllo key add", "--for webdav --expires 30d", 1)
	play("phyllo key list", "", 1)
	play("phyllo key rm", "KEY1", 1)
	play("phyllo offer", "", 1)
	play("phyllo offer", "0", 1)
	play("phyllo down", "", 1)

	// These are played as programs: they start nodes or want a real page.
	other := filepath.Join(home, "other")
	program := func(heading, launch string, want int, args ...string) {
		t.Helper()
		cmd := program(t, other, append([]string{"--json"}, args...)...)
		cmd.Env = append(cmd.Env, "TEST_LAUNCH="+launch)
		r := finish(t, cmd)
		list := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
		if r.code != 0 || len(list) < want {
			t.Fatalf("%s: %+v", heading, r)
		}
		for _, line := range list {
			if err := p.line(heading, line, seen); err != nil {
				t.Error(err)
			}
		}
		played[heading] = true
	}
	t.Cleanup(func() { down(t, other) })
	program("phyllo up", "", 1, "up", "--ui", "127.0.0.1:0")
	program("phyllo ui", "", 1, "ui")
	program("phyllo user import", "", 1, "user", "import", filepath.Join(home, "ann"), "--passphrase-file", filepath.Join(home, "words"))
	program("phyllo demo", "village", 5, "demo", "--nodes", "8", "--once")

	for _, c := range allCommands(newRoot(&console.World{})) {
		if !c.HasSubCommands() && !played[c.CommandPath()] && c.Parent().Name() != "completion" {
			t.Errorf("%s prints nothing in this test: play it, and describe its JSON in docs/json.md", c.CommandPath())
		}
	}
	for heading, shapes := range p.shapes {
		if command := strings.HasPrefix(heading, "phyllo "); command && !played[heading] {
			t.Errorf("docs/json.md has %q, and no command of this name was played", heading)
		} else if !command || p.same[heading] != "" {
			continue
		}
		for i, s := range shapes {
			for name, f := range s {
				if !f.optional && !seen[fmt.Sprint(heading, i, name)] {
					t.Errorf("%s: no line with %s was printed", heading, name)
				}
			}
		}
	}
}

// TestJSONTypes: docs/json.md has the fields of the types that are printed, and no
// others: also those that no line of TestJSON happens to have.
func TestJSONTypes(t *testing.T) {
	p := readPage(t)
	for heading, v := range map[string]any{
		"phyllo up": api.Ready{}, "phyllo status": api.Status{}, "phyllo doctor": api.Finding{}, "phyllo ui": api.Ticket{},
		"phyllo config show": config.Setting{}, "phyllo invite": api.Invitation{}, "phyllo join": api.Joined{}, "phyllo member list": api.Member{},
		"phyllo ping": api.Pong{}, "phyllo trace": api.Trace{}, "phyllo ring census": api.Census{}, "VersionCount": api.VersionCount{}, "phyllo user add": api.User{}, "phyllo user verify": api.KeyPair{},
		"phyllo contact list": api.Contact{}, "phyllo send": api.Sent{}, "phyllo inbox": people.Received{}, "phyllo dht put": api.DHTKept{}, "phyllo room list": api.Room{}, "RoomMember": api.RoomMember{}, "RoomReceipts": api.RoomReceipts{}, "phyllo room find": api.RoomFound{}, "phyllo room history": api.RoomMessage{}, "phyllo dht get": api.DHTEntry{}, "phyllo dht rivals": api.DHTRival{}, "phyllo offer": api.Account{},
		"phyllo pub": api.Published{}, "phyllo sub": api.TopicEvent{}, "phyllo topic list": api.Topic{}, "phyllo topic tree": api.TopicPlace{}, "phyllo topic bench": api.TopicMeasured{}, "TopicTimes": api.TopicTimes{},
		"phyllo work offer": api.WorkEvent{}, "phyllo work list": api.WorkItem{}, "phyllo work withdraw": api.Withdrawn{},
		"phyllo put": api.File{}, "phyllo get": storage.Got{}, "phyllo share": api.FileLink{}, "phyllo df": api.Storage{}, "phyllo space create": api.Space{},
		"phyllo space grant": api.SpaceLink{}, "phyllo key add": api.Key{}, "SpaceUse": api.SpaceUse{}, "SpaceMember": api.SpaceMember{}, "phyllo version": version{},
		"Peer": api.Peer{}, "Reach": api.Reach{}, "Keeping": api.Keeping{}, "Copies": api.Copies{}, "Sweep": api.Sweep{}, "MemberUse": api.MemberUse{}, "Traffic": api.Traffic{}, "Hop": api.Hop{}, "Fingerprint": api.Fingerprint{},
		"Profile": api.Profile{}, "Summary": demo.Summary{},
	} {
		if len(p.shapes[heading]) == 0 {
			t.Errorf("docs/json.md has no %s", heading)
			continue
		}
		want := shapeOf(reflect.TypeOf(v))
		if heading == "phyllo invite" {
			delete(want, "qr") // a program that wants the picture draws its own
		}
		have := p.shapes[heading][0]
		for name, f := range want {
			switch h, there := have[name]; {
			case !there:
				t.Errorf("%s: docs/json.md lacks `%s` | %s", heading, name, f.kind)
			case h != f:
				t.Errorf("%s: %s is %+v, and %+v in docs/json.md", heading, name, f, h)
			}
		}
		for name := range have {
			if _, there := want[name]; !there {
				t.Errorf("%s: docs/json.md has %s, which is not printed", heading, name)
			}
		}
	}
}

// shapeOf is how a type would stand in docs/json.md.
func shapeOf(v reflect.Type) shape {
	s := shape{}
	for i := range v.NumField() {
		tag := v.Field(i).Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" || name == "" {
			continue
		}
		optional := slices.Contains(strings.Split(options, ","), "omitempty") || slices.Contains(strings.Split(options, ","), "omitzero")
		s[name] = field{kindOf(v.Field(i).Type), optional}
	}
	return s
}

func kindOf(v reflect.Type) string {
	switch v {
	case reflect.TypeFor[id.ID]():
		return "id"
	case reflect.TypeFor[id.Hash]():
		return "hash"
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[[]byte]():
		return "bytes"
	}
	switch v.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "number"
	case reflect.Slice:
		return "[" + kindOf(v.Elem()) + "]"
	case reflect.Pointer:
		return kindOf(v.Elem())
	case reflect.Interface:
		return "any"
	}
	return v.Name()
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/phyllo-net/phyllo/api"
)

// ConfigName is the settings file's name in the home folder.
const ConfigName = "phyllo.toml"

// maxConfig bounds the settings file, in bytes.
const maxConfig = 1 << 20

// Load returns the settings of a home: the defaults, changed by its phyllo.toml, if
// there is one, and that by the variables PHYLLO_… of environ (as os.Environ gives
// it). A single wrong value is an error of kind Usage, with the place: file, line
// and column, or the variable. Flags come after that: see Settings.Set.
func Load(home string, environ []string) (*Settings, error) {
	s, err := LoadFile(filepath.Join(home, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		s, err = &Settings{Config: Default(), origins: map[string]string{}}, nil
	}
	if err != nil {
		return nil, err
	}
	s.Config.Home = home
	for _, x := range settings {
		name := "PHYLLO_" + strings.ToUpper(x.key)
		at := slices.IndexFunc(environ, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		if at < 0 {
			continue
		}
		if err := s.Set(x.key, environ[at][len(name)+1:], name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// LoadFile returns the defaults, changed by a settings file. The error wraps
// fs.ErrNotExist if there is none.
func LoadFile(path string) (*Settings, error) {
	text, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if _, err := toml.Decode(text, &values); err != nil {
		var bad toml.ParseError
		if !errors.As(err, &bad) {
			return nil, api.Errorf(api.Usage, "%s: %w", path, err)
		}
		return nil, wrongAt(path, text, bad.Position.Start, errors.New(bad.Message))
	}
	s := &Settings{Config: Default(), origins: map[string]string{}}
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return keyPlace(text, a) - keyPlace(text, b) })
	for _, k := range keys {
		if err := s.take(k, values[k]); err != nil {
			return nil, wrongAt(path, text, keyPlace(text, k), err)
		}
	}
	return s, nil
}

// take puts one value of the file in.
func (s *Settings) take(key string, value any) error {
	x := find(key)
	if x == nil {
		if table, ok := value.(map[string]any); ok && len(table) == 1 {
			for inner := range table {
				key += "." + inner // [log] level = … is a likely slip
			}
		}
		return unknown(key)
	}
	v, err := x.convert(value)
	if err == nil {
		err = x.check(v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	x.put(&s.Config, v)
	s.origins[key] = ConfigName
	return nil
}

// readConfig reads a settings file, which must be UTF-8 text of a reasonable size.
func readConfig(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return "", api.Errorf(api.Usage, "reading %s: it is a folder: name the settings file itself, as in %s", path, filepath.Join(path, ConfigName))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	switch {
	case err != nil:
		return "", api.Errorf(api.Usage, "reading %s: %w: may this user read it?", path, err)
	case len(b) > maxConfig:
		return "", api.Errorf(api.Usage, "%s:1:1: the file has more than 1 MiB: is it the settings file?", path)
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "", api.Errorf(api.Usage, "%s:1:1: the file is UTF-16: save it as UTF-8", path)
	}
	text := strings.TrimPrefix(string(b), "\ufeff")
	for i, r := range text {
		if _, n := utf8.DecodeRuneInString(text[i:]); r == 0 || r == utf8.RuneError && n == 1 {
			return "", wrongAt(path, text, i, errors.New("the file is not UTF-8 text: is it the settings file?"))
		}
	}
	return text, nil
}

// wrongAt is an error at a byte of a file.
func wrongAt(path, text string, at int, err error) error {
	before := text[:min(max(at, 0), len(text))]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:])
	return api.Errorf(api.Usage, "%s:%d:%d: %w", path, line, column, err)
}

// keyPlace returns where a key of the file's top level stands, as a byte offset: TOML
// libraries tell it for errors of syntax only.
func keyPlace(text, key string) int {
	k := regexp.QuoteMeta(key)
	at := regexp.MustCompile(`(?m)^[ \t]*\[*[ \t]*("` + k + `"|'` + k + `'|` + k + `)[ \t]*[.=\]]`).FindStringSubmatchIndex(text)
	if at == nil {
		return 0
	}
	return at[2]
}

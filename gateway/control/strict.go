package control

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/typo"
)

// decode fills the struct that v points to from one JSON object, and refuses what
// encoding/json would let pass: unknown, repeated and differently spelt keys, deep
// nesting, text that is no Unicode. Empty input is the empty object. Errors are of
// kind Usage, and say where in the request the fault is.
func decode(b []byte, v any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := checkText(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	c := checker{d: d}
	err := c.object(reflect.TypeOf(v).Elem())
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows after the object")
		}
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	return wrong(err)
}

// wrong gives an error of decoding its kind and a text for people.
func wrong(err error) error {
	var typed *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed):
		return api.Errorf(api.Usage, "the request is wrong: %q is %s, want %s", typed.Field, typed.Value, jsonName(typed.Type))
	case errors.As(err, &syntax):
		return api.Errorf(api.Usage, "the request is not JSON: %s, at byte %d", syntax.Error(), syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return api.Errorf(api.Usage, "the request is not JSON: it ends too early")
	}
	return api.Errorf(api.Usage, "the request is wrong: %w", err)
}

func jsonName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	}
	return "a whole number (" + t.String() + ")"
}

// checkText refuses bytes that are no UTF-8, and escapes that are no characters.
func checkText(b []byte) error {
	if !utf8.Valid(b) {
		return api.Errorf(api.Usage, "the request is not valid UTF-8")
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		i++ // whatever is escaped
		if i >= len(b) || b[i] != 'u' {
			continue
		}
		r, ok := escape(b[i-1:])
		if !ok || !utf16.IsSurrogate(r) {
			continue // what is no escape at all, the decoder finds
		}
		low, ok := escape(b[min(len(b), i+5):])
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return api.Errorf(api.Usage, "the request has half of a surrogate pair at byte %d", i)
		}
		i += 10
	}
	return nil
}

// escape reads \uXXXX at the beginning of b.
func escape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// checker walks over the tokens, with the type that they are meant for.
type checker struct {
	d     *json.Decoder
	depth int
}

var (
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType = reflect.TypeFor[json.Unmarshaler]()
)

// object checks what must be an object for the struct t.
func (c *checker) object(t reflect.Type) error {
	tok, err := c.d.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return errors.New("it must be a JSON object")
	}
	return c.rest(tok.(json.Delim), t)
}

// value checks one value; t is nil where any will do.
func (c *checker) value(t reflect.Type) error {
	tok, err := c.d.Token()
	if err != nil {
		return err
	}
	if open, ok := tok.(json.Delim); ok {
		return c.rest(open, t)
	}
	return nil
}

// rest checks an object or list whose beginning was read.
func (c *checker) rest(open json.Delim, t reflect.Type) error {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > MaxDepth {
		return fmt.Errorf("it is nested more than %d levels deep", MaxDepth)
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && (reflect.PointerTo(t).Implements(textType) || reflect.PointerTo(t).Implements(jsonType)) {
		t = nil
	}
	var seen []string
	fields := fieldsOf(t)
	for c.d.More() {
		var element reflect.Type
		if open == '{' {
			tok, err := c.d.Token()
			if err != nil {
				return err
			}
			key := tok.(string) // the decoder gives nothing else here
			if slices.Contains(seen, key) {
				return fmt.Errorf("the key %q stands in it twice", clip(key))
			}
			if fields != nil {
				f, ok := fields.find(key)
				if !ok {
					return fields.unknown(key)
				}
				element = f
			}
			if seen = append(seen, key); len(seen) > maxKeys {
				return fmt.Errorf("an object in it has more than %d keys", maxKeys)
			}
		} else if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			element = t.Elem()
		}
		if err := c.value(element); err != nil {
			return err
		}
	}
	_, err := c.d.Token()
	return err
}

// maxKeys bounds an object's keys; the requests of the interface have far fewer.
const maxKeys = 256

// fields are the keys that a struct has.
type fields struct {
	names []string
	types []reflect.Type
}

// fieldsOf returns nil for what is no struct: any key will do there.
func fieldsOf(t reflect.Type) *fields {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	f := &fields{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			f.names, f.types = append(f.names, name), append(f.types, t.Field(i).Type)
		}
	}
	return f
}

func (f *fields) find(key string) (reflect.Type, bool) {
	at := slices.Index(f.names, key)
	if at < 0 {
		return nil, false
	}
	return f.types[at], true
}

func (f *fields) unknown(key string) error {
	if near := typo.Nearest(key, f.names); near != "" {
		return fmt.Errorf("it has no key %q: do you mean %q?", clip(key), near)
	}
	if len(f.names) == 0 {
		return fmt.Errorf("it has no key %q, and needs none", clip(key))
	}
	return fmt.Errorf("it has no key %q; it has %s", clip(key), strings.Join(f.names, ", "))
}

// clip shortens what is shown of outside text.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

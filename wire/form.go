package wire

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Form is what values of one type ask of the bytes that they are decoded from. It
// is found out once, as reading a type takes longer than decoding a value of it: a
// type that is decoded often and stands in no Table has one in a variable.
type Form struct {
	typ  reflect.Type // of a pointer to such a value
	form *form
}

// FormOf returns the form of what a (nil) pointer points to.
func FormOf(pointer any) *Form {
	typ := reflect.TypeOf(pointer)
	return &Form{typ: typ, form: formOf(typ, make(map[reflect.Type]*form))}
}

// Unmarshal does what the function of this name does, for a pointer of the form's type.
func (f *Form) Unmarshal(b []byte, v any) error {
	if reflect.TypeOf(v) != f.typ {
		panic(fmt.Sprintf("wire: a %T is decoded by the form of a %v", v, f.typ)) // a bug of the caller
	}
	return unmarshal(b, v, func() *form { return f.form })
}

// form is that of a type, and of those within it.
type form struct {
	kind   reflect.Kind
	size   int          // of a value, in bytes
	number reflect.Type // of an unsigned number
	own    bool         // it decodes itself from a byte string
	fixed  bool         // it does, and is no more than its bytes: an id, a key
	elem   *form        // of a pointer, a slice or an array
	list   bool         // a struct that travels as an array, of its fields in this order
	fields []field      // of a struct
}

type field struct {
	key  uint64 // in a map
	form *form
}

// formOf returns the form of a type. seen has those that are known, or being found out:
// types may hold themselves.
func formOf(typ reflect.Type, seen map[reflect.Type]*form) *form {
	if f := seen[typ]; f != nil {
		return f
	}
	own := reflect.PointerTo(typ).Implements(unmarshaler)
	f := &form{kind: typ.Kind(), size: int(typ.Size()), own: own, fixed: own && plain(typ)}
	seen[typ] = f
	switch {
	case own:
	case typ.Kind() == reflect.Struct:
		f.tags(typ, seen)
	case typ.Kind() == reflect.Pointer, typ.Kind() == reflect.Slice, typ.Kind() == reflect.Array:
		f.elem = formOf(typ.Elem(), seen)
	default:
		f.number = typ
	}
	return f
}

// tags reads the tags of a struct. The fields of structs within it that have no name
// of their own are not looked for: messages have none.
func (f *form) tags(typ reflect.Type, seen map[reflect.Type]*form) {
	for i := range typ.NumField() {
		of := typ.Field(i)
		key, rest, _ := strings.Cut(of.Tag.Get("cbor"), ",")
		if of.Name == "_" && rest == "toarray" {
			f.list = true
		}
		n, err := strconv.ParseUint(key, 10, 64)
		if of.IsExported() && key != "-" && (f.list || err == nil) {
			f.fields = append(f.fields, field{n, formOf(of.Type, seen)})
		}
	}
}

// plain reports whether a type holds nothing but unsigned numbers.
func plain(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plain(typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			if !plain(typ.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return false
}

// at is the form of a field of a struct that travels as an array, or nil.
func (f *form) at(i int) *form {
	if i < len(f.fields) {
		return f.fields[i].form
	}
	return nil
}

// keyed is the form of a field of a struct that travels as a map, or nil.
func (f *form) keyed(key uint64) *form {
	for i := range f.fields {
		if f.fields[i].key == key {
			return f.fields[i].form
		}
	}
	return nil
}

// fits reports whether an item can become a value of this form, which is no pointer's,
// as far as its first byte and its argument say.
func (f *form) fits(first byte, arg uint64) bool {
	major := first >> 5
	if f.own {
		return major == majorBytes && (!f.fixed || arg == uint64(f.size))
	}
	switch f.kind {
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return major == majorUnsigned && !f.number.OverflowUint(arg)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return major == majorUnsigned || major == majorNegative
	case reflect.String:
		return major == majorText
	case reflect.Bool:
		return major == majorSimple && first&31 < argOne
	case reflect.Float32, reflect.Float64:
		return major == majorUnsigned || major == majorNegative || major == majorSimple && first&31 > argOne
	case reflect.Slice, reflect.Array:
		return major == majorArray || major == majorBytes && f.elem.kind == reflect.Uint8
	case reflect.Map:
		return major == majorMap
	case reflect.Struct:
		if f.list {
			return major == majorArray && arg == uint64(len(f.fields))
		}
		return major == majorMap
	}
	return f.kind == reflect.Interface // its content is not looked at
}

package store

import "fmt"

// Limits of the contract, in bytes.
const (
	// MaxTable is the longest name of a table.
	MaxTable = 32
	// MaxKey is the longest key. The shortest has 1 byte.
	MaxKey = 1024
	// MaxValue is the longest value. Larger things are blobs, not records.
	MaxValue = 1 << 20
	// MaxBatch is the largest Size of a batch.
	MaxBatch = 16 << 20
)

// CheckKey tells whether a table and a key are allowed: nil, ErrInvalid or
// ErrTooLarge. Implementations call it first in every method.
func CheckKey(t Table, key []byte) error {
	if err := checkTable(t); err != nil {
		return err
	}
	if len(key) == 0 {
		return fmt.Errorf("%w: empty key in table %s", ErrInvalid, t)
	}
	if len(key) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes in table %s, the limit is %d", ErrTooLarge, len(key), t, MaxKey)
	}
	return nil
}

// CheckRecord is CheckKey for a record that is to be written.
func CheckRecord(t Table, key, value []byte) error {
	if err := CheckKey(t, key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes in table %s, the limit is %d", ErrTooLarge, len(value), t, MaxValue)
	}
	return nil
}

// CheckRange tells whether a table and a range are allowed: nil, ErrInvalid or
// ErrTooLarge.
func CheckRange(t Table, r Range) error {
	if err := checkTable(t); err != nil {
		return err
	}
	if n := max(len(r.From), len(r.To)); n > MaxKey {
		return fmt.Errorf("%w: end of a range with %d bytes in table %s, the limit is %d", ErrTooLarge, n, t, MaxKey)
	}
	if r.Limit < 0 {
		return fmt.Errorf("%w: negative limit of a range in table %s", ErrInvalid, t)
	}
	return nil
}

func checkTable(t Table) error {
	if len(t) == 0 || len(t) > MaxTable {
		return fmt.Errorf("%w: table name of %d bytes, it may have 1 to %d", ErrInvalid, len(t), MaxTable)
	}
	for i := range len(t) {
		c := t[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '/') {
			return fmt.Errorf("%w: table name %q", ErrInvalid, string(t))
		}
	}
	return nil
}

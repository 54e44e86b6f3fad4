package directory

import (
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/peer"
)

// What is signed about names stands in package record. Who uses a directory sees it under
// the names here.
type (
	// Name is record.Name.
	Name = record.Name
	// Record is record.Record.
	Record = record.Record
	// Device is record.Device.
	Device = record.Device
	// Profile is record.Profile.
	Profile = record.Profile
)

// Kinds of names.
const (
	Person = record.Person
	Topic  = record.Topic
)

// Limits of record.
const (
	MaxNameBytes = record.MaxNameBytes
	MaxDevices   = record.MaxDevices
	MaxRecord    = record.MaxRecord
)

// Errors of record.
var (
	ErrName   = record.ErrName
	ErrRecord = record.ErrRecord
)

// ParseName is record.ParseName.
func ParseName(s string) (Name, error) { return record.ParseName(s) }

// Fingerprint is record.Fingerprint.
func Fingerprint(k peer.Key) string { return record.Fingerprint(k) }

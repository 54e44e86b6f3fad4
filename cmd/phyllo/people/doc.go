// Package people has the commands by which people reach each other: users, messages,
// rooms and contacts.
package people

// Package lost stands in no row.
package lost

// Package builder is what a builder outside would write.
package builder

//go:build race

package libp2p_test

const racing = true

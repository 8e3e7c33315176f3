// Package util stands for that of kaniko, see package config.
package util

type IgnoreListEntry struct {
	Path            string
	PrefixMatchOnly bool
}

func AddToDefaultIgnoreList(IgnoreListEntry) {}

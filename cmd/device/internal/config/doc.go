// Package config reads the configuration file of the device agent: one TOML file, strict about
// unknown keys.
//
// [Load] reads and checks a file and reports everything that is wrong with it at once, each problem
// with its key and what is allowed; [File.Identity] resolves the device's identity. Nothing is read
// but the file and what it points to, nothing is changed, and secrets are never printed.
package config

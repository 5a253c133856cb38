package hub

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	extensionsMax = 256
	nameMax       = 255
)

// ParseExtensionsGet reads the payload of extensions:get: the versions of each extension that the
// hub has, newest first. The result is nil for an older hub, which sends {}; then the device offers
// all its extensions. An unreadable payload returns nil and an error, and means the same.
func ParseExtensionsGet(payload jsontext.Value) (map[string][]string, error) {
	var raw struct {
		Extensions jsontext.Value `json:"extensions"`
	}
	if payload.Kind() != '{' || !read(payload, &raw) {
		return nil, errors.New("extensions:get: payload is not an object")
	}
	if k := raw.Extensions.Kind(); k == 'n' || k == 0 {
		return nil, nil
	}
	var byName map[string]jsontext.Value
	if raw.Extensions.Kind() != '{' || !read(raw.Extensions, &byName) || len(byName) > extensionsMax {
		return nil, errors.New("extensions:get: extensions is not a readable object")
	}
	out := make(map[string][]string, len(byName))
	for name, v := range byName {
		if versions, err := names(v); err == nil && validName(name) {
			out[name] = versions
		}
	}
	return out, nil
}

// JoinExtensions returns the payload of the join of the extensions channel: one version for each
// name. The type allows no list of versions, which would crash the hub's join.
func JoinExtensions(versions map[string]string) (jsontext.Value, error) {
	for name, version := range versions {
		if !validName(name) || version == "" || clean(version, nameMax) != version {
			return nil, fmt.Errorf(
				"join extensions: %q with version %q: not a name and a version",
				name,
				version,
			)
		}
	}
	if versions == nil {
		return Empty, nil
	}
	return write(versions), nil
}

// ParseAttachList reads the hub's answer to the join of the extensions channel: the names to
// attach. An object, the answer of a hub that attaches nothing, is an empty list.
func ParseAttachList(response jsontext.Value) ([]string, error) {
	switch response.Kind() {
	case '[':
		return names(response)
	case '{', 'n', 0:
		return nil, nil
	default:
		return nil, errors.New("extensions: attach list is not a list")
	}
}

// ParseExtensionNames reads the extensions of an attach or detach: a list of names, or all.
func ParseExtensionNames(payload jsontext.Value) (list []string, all bool, err error) {
	var raw struct {
		Extensions jsontext.Value `json:"extensions"`
	}
	if payload.Kind() != '{' || !read(payload, &raw) {
		return nil, false, errors.New("extensions: payload is not an object")
	}
	list, err = names(raw.Extensions)
	if len(list) == 1 && list[0] == "all" && raw.Extensions.Kind() == '"' {
		return nil, true, nil
	}
	return list, false, err
}

// names reads one name or a list of names. It drops invalid names from a list.
func names(v jsontext.Value) ([]string, error) {
	var raw []jsontext.Value
	switch v.Kind() {
	case '"':
		raw = []jsontext.Value{v}
	case '[':
		if !read(v, &raw) {
			return nil, errors.New("extensions: list of names cannot be read")
		}
	default:
		return nil, errors.New("extensions: neither a name nor a list of names")
	}
	if len(raw) > extensionsMax {
		return nil, fmt.Errorf("extensions: more than %d names", extensionsMax)
	}
	out := make([]string, 0, len(raw))
	for _, r := range raw {
		if name, ok := text(r); ok && validName(name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// validName reports whether name can be the part of an event before the colon.
func validName(name string) bool {
	return name != "" && len(name) <= nameMax && !strings.Contains(name, ":") &&
		clean(name, nameMax) == name
}

// SplitExtensionEvent splits `<name>:<event>` at the first colon: "geo:location:update" is the
// event "location:update" of geo.
func SplitExtensionEvent(full string) (name, event string, ok bool) {
	name, event, ok = strings.Cut(full, ":")
	return name, event, ok && name != "" && event != ""
}

// ExtensionError returns the payload of `<name>:error`, with which a device reports that an
// extension does not run.
func ExtensionError(reason string) jsontext.Value {
	return write(map[string]string{"reason": clean(reason, ReasonMax)})
}

// IsDetach reports whether the response of a refused push tells the device to stop the extension
// that sent it.
func IsDetach(response jsontext.Value) bool {
	t, _ := text(response)
	return t == "detach"
}

package fwfile

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// Env is where a U-Boot environment lies, in blocks of 512 bytes.
type Env struct {
	Name      string
	Offset    uint64
	Count     uint64
	Redundant bool
	Second    uint64 // offset of the redundant copy
}

// MBR is a master boot record.
type MBR struct {
	Name       string
	Signature  uint32
	Bootstrap  []byte // nil or 440 bytes
	Partitions []MBRPartition
	// OSIP means that the record holds an Intel OSIP header, which this package does not describe.
	OSIP bool
}

// MBRPartition is one entry of a master boot record.
type MBRPartition struct {
	Index  int
	Offset uint64 // in blocks
	Count  uint64 // in blocks
	Type   byte
	Boot   bool
	Expand bool // grows to the end of the disk
}

// GPT is a GUID partition table.
type GPT struct {
	Name       string
	GUID       string
	Partitions []GPTPartition
}

// GPTPartition is one entry of a GUID partition table.
type GPTPartition struct {
	Index  int
	Offset uint64 // in blocks
	Count  uint64 // in blocks
	Type   string // a GUID
	GUID   string
	Name   string
	Flags  uint64 // with the legacy boot bit, if boot is set
	Expand bool   // grows to the end of the disk
}

// gptBoot is the legacy BIOS bootable attribute (UEFI specification, table of attributes).
const gptBoot = 1 << 2

func parseEnv(s *section) (Env, error) {
	e := Env{Name: s.title}
	if s.text("block-offset") == "" {
		return e, fmt.Errorf("block-offset is missing")
	}
	e.Redundant = s.text("block-offset-redund") != ""
	if err := numbers(s, uints{
		"block-offset": &e.Offset, "block-count": &e.Count, "block-offset-redund": &e.Second,
	}); err != nil {
		return e, err
	}
	if e.Count == 0 || e.Count > 1<<15 {
		return e, fmt.Errorf("block-count: an environment has 1 to 32768 blocks, not %d", e.Count)
	}
	return e, nil
}

func parseMBR(s *section) (MBR, error) {
	m := MBR{Name: s.title, OSIP: boolean(s.text("include-osip"))}
	if text := s.text("signature"); text != "" {
		v, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			return m, fmt.Errorf("signature: %.40q is not a number of 32 bits", text)
		}
		m.Signature = uint32(v)
	}
	if text := s.text("bootstrap-code"); text != "" {
		code, err := hex.DecodeString(text)
		if err != nil || len(code) != 440 {
			return m, fmt.Errorf("bootstrap-code is not the hexadecimal form of 440 bytes")
		}
		m.Bootstrap = code
	}
	for _, sub := range s.subs {
		if sub.kind != "partition" {
			continue
		}
		p, err := parseMBRPartition(sub)
		if err != nil {
			return m, fmt.Errorf("partition %.20q: %w", sub.title, err)
		}
		m.Partitions = append(m.Partitions, p)
	}
	return m, nil
}

func parseMBRPartition(s *section) (MBRPartition, error) {
	p := MBRPartition{Boot: boolean(s.text("boot")), Expand: boolean(s.text("expand"))}
	index, err := index(s.title)
	if err != nil {
		return p, err
	}
	p.Index, p.Count = index, 1<<31-1
	kind := uint64(256)
	if err := numbers(s, uints{
		"block-offset": &p.Offset, "block-count": &p.Count, "type": &kind,
	}); err != nil {
		return p, err
	}
	if kind > 255 {
		return p, fmt.Errorf("type is missing or no byte")
	}
	p.Type = byte(kind)
	return p, nil
}

func parseGPT(s *section) (GPT, error) {
	g := GPT{Name: s.title, GUID: s.text("guid")}
	for _, sub := range s.subs {
		if sub.kind != "partition" {
			continue
		}
		p, err := parseGPTPartition(sub)
		if err != nil {
			return g, fmt.Errorf("partition %.20q: %w", sub.title, err)
		}
		g.Partitions = append(g.Partitions, p)
	}
	return g, nil
}

func parseGPTPartition(s *section) (GPTPartition, error) {
	p := GPTPartition{
		Type: s.text("type"), GUID: s.text("guid"), Name: s.text("name"),
		Expand: boolean(s.text("expand")), Count: 1<<31 - 1,
	}
	index, err := index(s.title)
	if err != nil {
		return p, err
	}
	p.Index = index
	if text := s.text("flags"); text != "" {
		if p.Flags, err = strconv.ParseUint(text, 0, 64); err != nil {
			return p, fmt.Errorf("flags: %.40q is not a number of 64 bits", text)
		}
	}
	if boolean(s.text("boot")) {
		p.Flags |= gptBoot
	}
	return p, numbers(s, uints{"block-offset": &p.Offset, "block-count": &p.Count})
}

func index(title string) (int, error) {
	n, err := strconv.ParseUint(title, 0, 8)
	if err != nil {
		return 0, fmt.Errorf("a partition's title is its number")
	}
	return int(n), nil
}

// boolean reads a boolean as libconfuse does.
func boolean(text string) bool {
	switch text {
	case "true", "yes", "on", "True", "Yes", "On", "TRUE", "YES", "ON":
		return true
	default:
		return false
	}
}

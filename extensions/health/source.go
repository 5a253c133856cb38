package health

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// source reads the machine: the files of the kernel below root, and one file system. Tests give it
// a folder of their own.
type source struct {
	root string
	disk string
}

func (s source) proc() (procfs.FS, error) { return procfs.NewFS(filepath.Join(s.root, "proc")) }

func (s source) sys(elem ...string) string {
	return filepath.Join(append([]string{s.root, "sys", "class"}, elem...)...)
}

func (s source) cpu() (procfs.CPUStat, error) {
	fs, err := s.proc()
	if err != nil {
		return procfs.CPUStat{}, err
	}
	stat, err := fs.Stat()
	return stat.CPUTotal, err
}

func (s source) load(m map[string]float64) error {
	fs, err := s.proc()
	if err != nil {
		return err
	}
	avg, err := fs.LoadAvg()
	if err != nil {
		return err
	}
	m["load_1min"], m["load_5min"], m["load_15min"] = avg.Load1, avg.Load5, avg.Load15
	return nil
}

func (s source) memory(m map[string]float64) error {
	fs, err := s.proc()
	if err != nil {
		return err
	}
	info, err := fs.Meminfo()
	if err != nil {
		return err
	}
	if info.MemTotalBytes == nil || info.MemAvailableBytes == nil || *info.MemTotalBytes == 0 {
		return errors.New("meminfo has no MemTotal or MemAvailable")
	}
	const mib = 1 << 20
	total := float64(*info.MemTotalBytes)
	used := max(total-float64(*info.MemAvailableBytes), 0)
	m["mem_size_mb"] = math.Round(total / mib)
	m["mem_used_mb"] = math.Round(used / mib)
	m["mem_used_percent"] = hundredths(100 * used / total)
	return nil
}

// diskSpace counts as df does: what is reserved for root is neither used nor available.
func (s source) diskSpace(m map[string]float64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.disk, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", s.disk, err)
	}
	const kib = 1024
	block := float64(fs.Frsize)
	used := max(float64(fs.Blocks)-float64(fs.Bfree), 0) * block
	available := float64(fs.Bavail) * block
	m["disk_total_kb"] = math.Round(float64(fs.Blocks) * block / kib)
	m["disk_available_kb"] = math.Round(available / kib)
	if used+available > 0 { // a pseudo file system has no blocks
		m["disk_used_percentage"] = hundredths(100 * used / (used + available))
	}
	return nil
}

// temperature reads the processor's thermal zone, or the first zone when none is named like one. No
// zone is no failure: many machines have none.
func (s source) temperature(m map[string]float64) error {
	zones, err := filepath.Glob(s.sys("thermal", "thermal_zone*"))
	if err != nil || len(zones) == 0 {
		return err
	}
	zone := zones[0]
	for _, z := range zones {
		kind, _ := os.ReadFile(filepath.Join(z, "type")) // unreadable: not the one
		if k := strings.ToLower(string(kind)); strings.Contains(k, "cpu") || strings.Contains(k, "pkg") {
			zone = z
			break
		}
	}
	text, err := os.ReadFile(filepath.Join(zone, "temp"))
	if err != nil {
		return err
	}
	milli, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return fmt.Errorf("thermal zone %s: %w", filepath.Base(zone), err)
	}
	m["cpu_temp"] = hundredths(float64(milli) / 1000)
	return nil
}

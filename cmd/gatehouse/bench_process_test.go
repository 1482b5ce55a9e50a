//go:build bench

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchServer is a server in a process of its own that listens on address. ops is "" where
// it has no second listener.
type benchServer struct {
	address, ops string
	pid          int
	log          *os.File
}

// startBenchServer runs a command on the named cores and waits until it listens.
func startBenchServer(t *testing.T, s benchServer, cores []int, command []string, env ...string) benchServer {
	t.Helper()
	cmd := exec.Command("taskset", append([]string{"-c", coreList(cores)}, command...)...)
	cmd.Env = append(os.Environ(), append(env, "GOMAXPROCS="+strconv.Itoa(len(cores)))...)
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "server.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a run that is broken off
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", command[0], err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		for range ended {      // until it has
		}
		_ = log.Close()
	})
	s.pid, s.log = cmd.Process.Pid, log
	for end := time.Now().Add(3 * time.Minute); ; {
		if conn, err := net.DialTimeout("tcp", s.address, time.Second); err == nil {
			_ = conn.Close()
			return s
		}
		select {
		case err := <-ended:
			t.Fatalf("%s ended (%v):\n%s", command[0], err, s.tail())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen on %s:\n%s", command[0], s.address, s.tail())
		}
	}
}

// tail is the end of what the server logged.
func (s benchServer) tail() []byte {
	text, _ := os.ReadFile(s.log.Name())
	return text[max(0, len(text)-4096):]
}

// forgetLog empties the log: a round writes hundreds of megabytes of lines.
func (s benchServer) forgetLog() { _ = s.log.Truncate(0) }

// gatehouseBinary is what `make build` made.
func gatehouseBinary(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join("..", "..", "bin", "gatehouse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run `make build` first", err)
	}
	return binary
}

// startGate serves a directory with the built binary as operators run it: with its log,
// its metrics and default sizes. Only the deadline of a decision is longer, so that a
// busy machine is slow and does not deny.
func startGate(t *testing.T, data string, cores []int) benchServer {
	t.Helper()
	s := benchServer{address: freeAddress(t), ops: freeAddress(t)}
	command := []string{gatehouseBinary(t), "serve", "--data", data, "--listen", s.address, "--ops-listen", s.ops}
	return startBenchServer(t, s, cores, command, "GATEHOUSE_ENGINE_DEADLINE="+benchDeadline.String())
}

// twoCores are the core of the server and that of whoever asks it.
func twoCores(t *testing.T) (server, generator []int) {
	t.Helper()
	both := bothCores(t)
	return both[:1], both[1:]
}

// bothCores are what is measured on: two, however many the machine has.
func bothCores(t *testing.T) []int {
	t.Helper()
	all := allowedCores(t)
	if len(all) < 2 {
		t.Fatal("server and load generator need a core each; this process may use only one")
	}
	return all[:2]
}

func allowedCores(t *testing.T) (cores []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		t.Fatal(err)
	}
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores
}

func coreList(cores []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(cores), " ", ","), "[]")
}

// pinSelf keeps this process to the cores until the test ends. threads is how many
// goroutines may run, or be in a system call, at once.
func pinSelf(t *testing.T, cores []int, threads int) {
	t.Helper()
	before, processors := allowedCores(t), runtime.GOMAXPROCS(threads)
	setAffinity(t, cores)
	t.Cleanup(func() {
		setAffinity(t, before)
		runtime.GOMAXPROCS(processors)
	})
}

// setAffinity holds for all threads there are; later ones take after them.
func setAffinity(t *testing.T, cores []int) {
	t.Helper()
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			_ = unix.SchedSetaffinity(id, &set) // the thread may have ended
		}
	}
}

// cpuSeconds is user and system time of a process so far (proc(5), fields 14 and 15,
// in ticks of 10 ms).
func cpuSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte(") "))
	fields := bytes.Fields(rest)
	user, _ := strconv.ParseFloat(string(fields[11]), 64)
	system, _ := strconv.ParseFloat(string(fields[12]), 64)
	return (user + system) / 100
}

// residentMiB reads the resident set of a process, now or at its highest; pid "self"
// is this one.
func residentMiB(pid, field string) float64 {
	text, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024
		}
	}
	return 0
}

func (s benchServer) residentMiB() float64 { return residentMiB(strconv.Itoa(s.pid), "VmRSS") }

// quiet tells of other work on the machine, which every figure suffers from.
func quiet(t *testing.T) {
	t.Helper()
	idle, all := machineTicks(t)
	time.Sleep(300 * time.Millisecond)
	idleThen, allThen := machineTicks(t)
	if busy := 1 - (idleThen-idle)/(allThen-all); busy > 0.1 {
		note("something else keeps the machine %.0f %% busy: figures will be noisy", 100*busy)
	}
}

// machineTicks are the ticks of all cores so far, those that did nothing first.
func machineTicks(t *testing.T) (idle, all float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:9] { // user nice system idle iowait irq softirq steal
		n, _ := strconv.ParseFloat(field, 64)
		if all += n; i == 3 || i == 4 {
			idle += n
		}
	}
	return idle, all
}

// machine says what the figures were measured on.
func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	model := "unknown processor"
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.Version())
}

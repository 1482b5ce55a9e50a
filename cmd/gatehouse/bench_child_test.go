//go:build bench

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// roleVariable tells this binary to be one of the processes that are measured. Some
// serve; the others are given tasks, one JSON line each, and answer each with a line.
const roleVariable = "GATEHOUSE_BENCH_ROLE"

// playRole is the other side of startChild and startBenchServer.
func playRole(ctx context.Context, role string) error {
	if role == "bare" {
		return serveBare(ctx, os.Getenv("GATEHOUSE_BENCH_ADDRESS"), os.Getenv("GATEHOUSE_BENCH_HEADERS"))
	}
	var given childOptions
	if err := json.Unmarshal([]byte(os.Getenv("GATEHOUSE_BENCH_OPTIONS")), &given); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	var work worker
	var err error
	switch role {
	case "engine":
		work, err = newEngineWorker(ctx, given)
	case "inmem":
		work, err = newStoreWorker(ctx, given)
	case "house":
		work, err = newHouseWorker(ctx, given)
	default:
		err = errors.New("unknown role")
	}
	if err != nil {
		return err
	}
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(childAnswer{}); err != nil { // ready
		return err
	}
	for tasks := bufio.NewScanner(os.Stdin); tasks.Scan(); {
		var task childTask
		if err := json.Unmarshal(tasks.Bytes(), &task); err != nil {
			return err
		}
		answer, err := work(ctx, task)
		if err != nil {
			return fmt.Errorf("%s: %w", task.What, err)
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// childOptions say what a child sets up.
type childOptions struct {
	Size    int    // accounts, and namespaces
	Bound   int    // bindings of the namespace "large"; 0 = there is none
	MemoOff bool   //
	Data    string // the directory
	Address string // to serve on
}

// childTask says what to measure, and for how long.
type childTask struct {
	What string
	For  time.Duration
	Rate int // writes a second; 0 = as many as there can be, or none beside readers
}

// childAnswer is what was measured; what does not belong to a task is left out.
type childAnswer struct {
	Times            int             `json:",omitempty"` // how often it was done
	CPU              float64         `json:",omitempty"` // seconds for each
	Allocations      float64         `json:",omitempty"` // for each
	Collections      int             `json:",omitempty"` // of garbage
	Heap, Resident   float64         `json:",omitempty"` // MiB
	Latency, Written []time.Duration `json:",omitempty"` // p50, p99, p99.9
}

// worker does the tasks of a role.
type worker func(ctx context.Context, task childTask) (childAnswer, error)

// child is a process in a role.
type child struct {
	role    string
	in      io.WriteCloser
	answers *json.Decoder
}

// startChild starts a child on the cores and waits until it is set up.
func startChild(t *testing.T, role string, options childOptions, cores []int) *child {
	t.Helper()
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("taskset", "-c", coreList(cores), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GATEHOUSE_BENCH_OPTIONS="+string(text), "GOMAXPROCS="+strconv.Itoa(max(len(cores), options.processors())))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a run that is broken off
	c := &child{role: role}
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.answers = json.NewDecoder(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	c.answer(t)
	return c
}

// processors is how many goroutines of a child may run or be in a system call at once,
// whatever its cores: a server that writes to a disk waits for it in a system call.
func (o childOptions) processors() int {
	if o.Address != "" {
		return 2
	}
	return 1
}

// do has the child do a task.
func (c *child) do(t *testing.T, task childTask) childAnswer {
	t.Helper()
	c.start(t, task)
	return c.answer(t)
}

func (c *child) start(t *testing.T, task childTask) {
	t.Helper()
	if err := json.NewEncoder(c.in).Encode(task); err != nil {
		t.Fatalf("%s: %v", c.role, err)
	}
}

func (c *child) answer(t *testing.T) (a childAnswer) {
	t.Helper()
	if err := c.answers.Decode(&a); err != nil {
		t.Fatalf("%s ended: %v", c.role, err)
	}
	return a
}

// end lets the child's memory go before the test ends.
func (c *child) end() { _ = c.in.Close() }

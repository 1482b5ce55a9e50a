package manifest

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// spoolMemory is how much of the files is kept in memory; what is more is set aside
// in a temporary file.
const spoolMemory = 32 << 20

// spoolStep is more than most records have.
const spoolStep = 4 << 10

// spool takes records in any order and gives them back sorted: by group, and within a
// group as they came. What does not fit into memory is written to a temporary file in
// sorted runs, which are merged when they are read.
type spool struct {
	memory int // 0 = spoolMemory
	data   []byte
	index  []spooled
	file   *os.File
	end    int64 // of what is in the file
	runs   []run
}

// spooled is where a record is, within the part that is in memory.
type spooled struct {
	group, order uint64
	start, end   int
}

// run is a sorted part of the file.
type run struct{ start, size int64 }

// record is one that is given back.
type record struct {
	group, order uint64
	data         string
}

func (r record) compare(s record) int {
	return cmp.Or(cmp.Compare(r.group, s.group), cmp.Compare(r.order, s.order))
}

// add takes the record that write appends.
func (s *spool) add(group, order uint64, write func(buf []byte) []byte) error {
	start := len(s.data)
	memory := cmp.Or(s.memory, spoolMemory)
	// append would grow both by less, and copy more.
	if cap(s.data)-start < spoolStep {
		s.data = slices.Grow(s.data, max(min(start, memory-start), 0)+spoolStep)
	}
	if n := len(s.index); n == cap(s.index) {
		s.index = slices.Grow(s.index, max(n, 16))
	}
	s.data = write(s.data)
	s.index = append(s.index, spooled{group, order, start, len(s.data)})
	if len(s.data) < memory {
		return nil
	}
	return s.setAside()
}

func (s *spool) sort() {
	slices.SortFunc(s.index, func(a, b spooled) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.order, b.order))
	})
}

// setAside writes what is in memory as another run. The file loses its name at once,
// so that it is gone with the process, however that ends.
func (s *spool) setAside() (err error) {
	if len(s.index) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("set the files' entries aside in %s (TMPDIR names another folder): %w", os.TempDir(), err)
		}
	}()
	if s.file == nil {
		if s.file, err = os.CreateTemp("", "gatehouse-import-"); err != nil {
			return err
		}
		if err := os.Remove(s.file.Name()); err != nil {
			return err
		}
	}
	s.sort()
	out := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), 256<<10)
	start := s.end
	var head []byte
	for _, e := range s.index {
		head = binary.AppendUvarint(head[:0], e.group)
		head = binary.AppendUvarint(head, e.order)
		head = binary.AppendUvarint(head, uint64(e.end-e.start))
		for _, part := range [][]byte{head, s.data[e.start:e.end]} {
			n, err := out.Write(part)
			s.end += int64(n)
			if err != nil {
				return err
			}
		}
	}
	s.runs = append(s.runs, run{start, s.end - start})
	s.data, s.index = s.data[:0], s.index[:0]
	return out.Flush()
}

// close gives the temporary file back.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// sorted gives every record, as often as it is asked. Nothing may be added meanwhile.
func (s *spool) sorted() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		s.sort()
		merged := merge{&cursor{next: s.inMemory()}}
		for _, r := range s.runs {
			merged = append(merged, &cursor{next: fromRun(io.NewSectionReader(s.file, r.start, r.size))})
		}
		for i := 0; i < len(merged); {
			if err := merged[i].advance(); err != nil {
				yield(record{}, err)
				return
			}
			if merged[i].done {
				merged = slices.Delete(merged, i, i+1)
				continue
			}
			i++
		}
		heap.Init(&merged)
		for len(merged) > 0 {
			first := merged[0]
			if !yield(first.at, nil) {
				return
			}
			if err := first.advance(); err != nil {
				yield(record{}, err)
				return
			}
			if first.done {
				heap.Pop(&merged)
			} else {
				heap.Fix(&merged, 0)
			}
		}
	}
}

// inMemory and fromRun give one record after another, and io.EOF after the last.
func (s *spool) inMemory() func() (record, error) {
	i := 0
	return func() (record, error) {
		if i >= len(s.index) {
			return record{}, io.EOF
		}
		e := s.index[i]
		i++
		return record{e.group, e.order, string(s.data[e.start:e.end])}, nil
	}
}

func fromRun(from io.Reader) func() (record, error) {
	in := bufio.NewReaderSize(from, 128<<10)
	return func() (record, error) {
		var head [3]uint64
		for i := range head {
			n, err := binary.ReadUvarint(in)
			if errors.Is(err, io.EOF) && i > 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return record{}, err
			}
			head[i] = n
		}
		data := make([]byte, head[2])
		if _, err := io.ReadFull(in, data); err != nil {
			return record{}, fmt.Errorf("%w: %s", errBroken, err) //nolint:errorlint // whose end is not the end of the run
		}
		return record{head[0], head[1], string(data)}, nil
	}
}

// cursor is where the reading of one sorted part is.
type cursor struct {
	next func() (record, error)
	at   record
	done bool
}

func (c *cursor) advance() (err error) {
	if c.at, err = c.next(); errors.Is(err, io.EOF) {
		c.done = true
		return nil
	}
	return err
}

// merge is a heap of the parts, by the record that each has next.
type merge []*cursor

func (m *merge) Len() int           { return len(*m) }
func (m *merge) Less(i, j int) bool { return (*m)[i].at.compare((*m)[j].at) < 0 }
func (m *merge) Swap(i, j int)      { (*m)[i], (*m)[j] = (*m)[j], (*m)[i] }
func (m *merge) Push(c any)         { *m = append(*m, c.(*cursor)) }
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ast/location"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/storage"
)

// Query is what a Program is made of.
type Query struct {
	Compiler *ast.Compiler
	Body     ast.Body
	// Root is the name under data of what Question.Directory stands for.
	Root string
	// Store and Transaction are only what OPA wants to prepare a query with.
	Store       storage.Store
	Transaction storage.Transaction
	// Bindings asks for objects of the query's variables as results, rather than
	// for the value of a query that is one reference.
	Bindings bool
}

// Compile makes a program of a query. It returns ErrUnsupported, with the reason,
// for one whose meaning here would not be beyond doubt the interpreter's.
func Compile(ctx context.Context, q Query) (*Program, error) {
	if err := checkComparable(q.Compiler); err != nil {
		return nil, err
	}
	policy, err := policyOf(ctx, q.Compiler, q.Body, q.Store, q.Transaction)
	if err != nil {
		return nil, err
	}
	c := newCompiler(policy)
	c.root = q.Root
	p := &Program{root: q.Root, capabilities: q.Compiler.Capabilities()}
	for _, fn := range policy.Funcs.Funcs {
		fn.Blocks = flat(fn.Blocks)
		c.function(fn)
	}
	if len(policy.Plans.Plans) != 1 {
		return nil, fmt.Errorf("%w: %d plans", ErrUnsupported, len(policy.Plans.Plans))
	}
	blocks := flat(policy.Plans.Plans[0].Blocks)
	if !q.Bindings {
		if blocks = bare(blocks); blocks == nil {
			return nil, fmt.Errorf("%w: the query is not one reference", ErrUnsupported)
		}
	}
	p.query = c.body(blocks, nil)
	p.locals = localsOf(blocks)
	p.functions, p.paths = len(c.functions), len(c.paths.ids)
	return p, errors.Join(c.errs...)
}

// bare drops the object of variables around the one value of a query. It is nil
// where there is not just one.
func bare(blocks []*ir.Block) []*ir.Block {
	if len(blocks) != 1 || len(blocks[0].Stmts) < 3 {
		return nil
	}
	stmts := blocks[0].Stmts
	n := len(stmts) - 3
	made, ok1 := stmts[n].(*ir.MakeObjectStmt)
	inserted, ok2 := stmts[n+1].(*ir.ObjectInsertStmt)
	added, ok3 := stmts[n+2].(*ir.ResultSetAddStmt)
	if !ok1 || !ok2 || !ok3 || inserted.Object != made.Target || added.Value != made.Target {
		return nil
	}
	value, ok := inserted.Value.Value.(ir.Local)
	if !ok {
		return nil
	}
	return []*ir.Block{{Stmts: append(slices.Clone(stmts[:n]), &ir.ResultSetAddStmt{Value: value})}}
}

type (
	signal int
	// stmt runs one statement.
	stmt func(m *machine, f frame) signal
	// block runs until a statement says anything but next.
	block []stmt
)

// A statement is followed by the next one, or by leaving so many blocks: 1 is the
// end of the block it stands in, which is what undefined means.
const (
	next      signal = 0
	undefined signal = 1
	stop      signal = -1 // leave the function: it returned, or the evaluation is given up
)

func (b block) run(m *machine, f frame) signal {
	for _, s := range b {
		if r := s(m, f); r != next {
			return r
		}
	}
	return next
}

// function is a rule, or a function of a policy.
type function struct {
	name   string
	blocks []block
	locals int
	params []ir.Local // input, data and what it is called with
	number int
}

// isRule says that the function depends on nothing but input and data.
func (fn *function) isRule() bool { return len(fn.params) == 2 }

// compiler turns the statements of one policy into closures.
type compiler struct {
	root      string
	policy    *ir.Policy
	strings   []*ast.Term
	functions map[string]*function
	rules     *ruleTree
	paths     paths
	errs      []error
	*scope
}

func newCompiler(policy *ir.Policy) *compiler {
	c := &compiler{policy: policy, functions: map[string]*function{}, rules: &ruleTree{}, paths: paths{ids: map[string]int{}}}
	for _, s := range policy.Static.Strings {
		c.strings = append(c.strings, ast.InternedTerm(s.Value))
	}
	for i, fn := range policy.Funcs.Funcs {
		f := &function{name: fn.Name, params: fn.Params, number: i, locals: localsOf(fn.Blocks, append(fn.Params, fn.Return)...)}
		c.functions[fn.Name] = f
		c.rules.add(fn.Path, f)
	}
	return c
}

func (c *compiler) unsupported(format string, arguments ...any) {
	c.errs = append(c.errs, fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, arguments...)...))
}

// manyRules is from how many rules of one name on the interpreter's index, which
// finds those that may hold, saves more than a program does.
const manyRules = 256

func (c *compiler) function(fn *ir.Func) {
	if len(fn.Blocks) > manyRules {
		c.unsupported("%s has %d rules", fn.Name, len(fn.Blocks))
	}
	c.functions[fn.Name].blocks = c.body(fn.Blocks, fn)
}

// body compiles the blocks of a function, or of the query where fn is nil.
func (c *compiler) body(blocks []*ir.Block, fn *ir.Func) []block {
	exit := exitOf(fn)
	var compiled []block
	for _, b := range blocks {
		rules := alternatives(b)
		if rules == nil {
			c.enter([]*ir.Block{b}, fn, exit)
			compiled = append(compiled, c.block(b))
			continue
		}
		var ordered []block
		for _, rule := range rules {
			c.enter([]*ir.Block{rule}, fn, exit)
			ordered = append(ordered, c.block(rule))
		}
		compiled = append(compiled, block{inOrder(ordered)})
	}
	return compiled
}

// alternatives are the bodies of a rule and its else branches, which the planner
// puts into a block of their own; nil where b is not that. The planner numbers the
// locals of each of them from the same number.
func alternatives(b *ir.Block) []*ir.Block {
	if len(b.Stmts) != 1 {
		return nil
	}
	if s, ok := b.Stmts[0].(*ir.BlockStmt); ok {
		return s.Blocks
	}
	return nil
}

func (c *compiler) enter(blocks []*ir.Block, fn *ir.Func, exit *ast.Term) {
	c.scope = scopeOf(blocks, fn)
	c.exit = exit
	if c.nested {
		c.unsupported("objects within objects are built by rules")
	}
}

func (c *compiler) block(b *ir.Block) block {
	compiled := make(block, 0, len(b.Stmts))
	folded := c.fold(b)
	for i, s := range b.Stmts {
		if folded.dropped[i] || c.joins(b, i) {
			continue
		}
		compiled = append(compiled, c.stmt(s))
	}
	folded.end()
	return compiled
}

func (c *compiler) operand(o ir.Operand) operand {
	if local, ok := o.Value.(ir.Local); ok {
		return c.local(local)
	}
	return operand{constant: c.constantOf(o.Value)}
}

func (c *compiler) local(l ir.Local) operand {
	if t := c.constants[l]; t != nil {
		return operand{constant: t}
	}
	return operand{slot: int(l), rough: l == slotData || c.rough[l]}
}

// place is where a statement stands in the policy, for the errors of builtins.
func (c *compiler) place(l *ir.Location) *ast.Location {
	place := &location.Location{Row: l.Row, Col: l.Col, Text: []byte(l.Text)}
	if files := c.policy.Static.Files; l.File >= 0 && l.File < len(files) {
		place.File = files[l.File].Value
	}
	return place
}

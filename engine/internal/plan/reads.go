package plan

import "github.com/open-policy-agent/opa/v1/ir"

// readsOf are the operands of a statement itself, not of what is nested in it:
// those of which it needs the value, and the source of a path, which may be a step.
func readsOf(stmt ir.Stmt) (values []ir.Operand, source *ir.Operand) {
	local := func(ls ...ir.Local) []ir.Operand {
		var operands []ir.Operand
		for _, l := range ls {
			operands = append(operands, ir.Operand{Value: l})
		}
		return operands
	}
	switch s := stmt.(type) {
	case *ir.DotStmt:
		return []ir.Operand{s.Key}, &s.Source
	case *ir.CallStmt:
		return s.Args, nil
	case *ir.CallDynamicStmt:
		return append(local(s.Args...), s.Path...), nil
	case *ir.EqualStmt:
		return []ir.Operand{s.A, s.B}, nil
	case *ir.NotEqualStmt:
		return []ir.Operand{s.A, s.B}, nil
	case *ir.AssignVarStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.AssignVarOnceStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.LenStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.IsArrayStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.IsObjectStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.IsSetStmt:
		return []ir.Operand{s.Source}, nil
	case *ir.ArrayAppendStmt:
		return []ir.Operand{s.Value}, nil
	case *ir.SetAddStmt:
		return []ir.Operand{s.Value}, nil
	case *ir.ObjectInsertStmt:
		return []ir.Operand{s.Key, s.Value}, nil
	case *ir.ObjectInsertOnceStmt:
		return []ir.Operand{s.Key, s.Value}, nil
	case *ir.WithStmt:
		return []ir.Operand{s.Value}, nil
	case *ir.ReturnLocalStmt:
		return local(s.Source), nil
	case *ir.ScanStmt:
		return local(s.Source), nil
	case *ir.IsDefinedStmt:
		return local(s.Source), nil
	case *ir.IsUndefinedStmt:
		return local(s.Source), nil
	case *ir.ObjectMergeStmt:
		return local(s.A, s.B), nil
	case *ir.ResultSetAddStmt:
		return local(s.Value), nil
	}
	return nil, nil
}

// writesOf are the locals that a statement itself gives a value, or changes the
// value of.
func writesOf(stmt ir.Stmt) []ir.Local {
	switch s := stmt.(type) {
	case *ir.DotStmt:
		return []ir.Local{s.Target}
	case *ir.CallStmt:
		return []ir.Local{s.Result}
	case *ir.CallDynamicStmt:
		return []ir.Local{s.Result}
	case *ir.AssignVarStmt:
		return []ir.Local{s.Target}
	case *ir.AssignVarOnceStmt:
		return []ir.Local{s.Target}
	case *ir.AssignIntStmt:
		return []ir.Local{s.Target}
	case *ir.LenStmt:
		return []ir.Local{s.Target}
	case *ir.ResetLocalStmt:
		return []ir.Local{s.Target}
	case *ir.MakeNullStmt:
		return []ir.Local{s.Target}
	case *ir.MakeNumberIntStmt:
		return []ir.Local{s.Target}
	case *ir.MakeNumberRefStmt:
		return []ir.Local{s.Target}
	case *ir.MakeArrayStmt:
		return []ir.Local{s.Target}
	case *ir.MakeObjectStmt:
		return []ir.Local{s.Target}
	case *ir.MakeSetStmt:
		return []ir.Local{s.Target}
	case *ir.ArrayAppendStmt:
		return []ir.Local{s.Array}
	case *ir.SetAddStmt:
		return []ir.Local{s.Set}
	case *ir.ObjectInsertStmt:
		return []ir.Local{s.Object}
	case *ir.ObjectInsertOnceStmt:
		return []ir.Local{s.Object}
	case *ir.ObjectMergeStmt:
		return []ir.Local{s.Target}
	case *ir.ScanStmt:
		return []ir.Local{s.Key, s.Value}
	case *ir.WithStmt:
		return []ir.Local{s.Local}
	}
	return nil
}

// localsOf is how many locals there are.
func localsOf(blocks []*ir.Block, more ...ir.Local) int {
	highest := ir.Data
	see := func(l ir.Local) { highest = max(highest, l) }
	for _, l := range more {
		see(l)
	}
	each(blocks, func(stmt ir.Stmt) {
		for _, l := range writesOf(stmt) {
			see(l)
		}
		values, source := readsOf(stmt)
		if source != nil {
			values = append(values[:len(values):len(values)], *source)
		}
		for _, o := range values {
			if l, ok := o.Value.(ir.Local); ok {
				see(l)
			}
		}
	})
	return int(highest) + 1
}

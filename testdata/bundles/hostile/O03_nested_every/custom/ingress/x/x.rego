package custom.ingress.x

deny contains "x" if {
	every v39 in [1] { every v38 in [1] { every v37 in [1] { every v36 in [1] { every v35 in [1] { every v34 in [1] { every v33 in [1] { every v32 in [1] { every v31 in [1] { every v30 in [1] { every v29 in [1] { every v28 in [1] { every v27 in [1] { every v26 in [1] { every v25 in [1] { every v24 in [1] { every v23 in [1] { every v22 in [1] { every v21 in [1] { every v20 in [1] { every v19 in [1] { every v18 in [1] { every v17 in [1] { every v16 in [1] { every v15 in [1] { every v14 in [1] { every v13 in [1] { every v12 in [1] { every v11 in [1] { every v10 in [1] { every v9 in [1] { every v8 in [1] { every v7 in [1] { every v6 in [1] { every v5 in [1] { every v4 in [1] { every v3 in [1] { every v2 in [1] { every v1 in [1] { every v0 in [1] { true } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } } }
}

package identity

// The rows of the database, as gorm writes them. Documents are not read through
// these but by plain queries (load.go). Times are Unix seconds unless named
// otherwise; an expiry of 0 is never.

type journalRow struct {
	Revision   uint64 `gorm:"primaryKey;autoIncrement:false"`
	Seq        int    `gorm:"primaryKey;autoIncrement:false"`
	AtMillis   int64
	Actor      string
	Address    string
	Collection string
	DocKey     string
	DocBefore  *string
	DocAfter   *string
}

func (journalRow) TableName() string { return "journal" }

// handleRow outlives what it names: handles are never given out twice.
type handleRow struct {
	Scope  string `gorm:"primaryKey"`
	Handle string `gorm:"primaryKey"`
	Owner  string
}

func (handleRow) TableName() string { return "handles" }

type accountRow struct {
	ID         string `gorm:"primaryKey"`
	Handle     *string
	Kind       string
	State      string
	Email      *string
	UserID     *string
	UserFold   *string
	Name       string
	Generation uint64
	CreatedAt  int64 `gorm:"column:created;autoCreateTime:false"`
}

func (accountRow) TableName() string { return "accounts" }

type platformRoleRow struct {
	AccountID string `gorm:"primaryKey"`
	Role      string `gorm:"primaryKey"`
}

func (platformRoleRow) TableName() string { return "platform_roles" }

type memberRow struct {
	OrganisationID string `gorm:"primaryKey"`
	AccountID      string `gorm:"primaryKey"`
	Role           string
}

func (memberRow) TableName() string { return "members" }

type teamRow struct {
	ID             string `gorm:"primaryKey"`
	OrganisationID string
	Handle         string
	Name           string
}

func (teamRow) TableName() string { return "teams" }

type teamMemberRow struct {
	TeamID    string `gorm:"primaryKey"`
	AccountID string `gorm:"primaryKey"`
	Role      string
}

func (teamMemberRow) TableName() string { return "team_members" }

type namespaceRow struct {
	Name  string `gorm:"primaryKey"`
	Quota *string
}

func (namespaceRow) TableName() string { return "namespaces" }

type labelRow struct {
	Namespace string `gorm:"primaryKey"`
	Label     string `gorm:"primaryKey"`
	Value     string
}

func (labelRow) TableName() string { return "labels" }

// ownerRow and bindingRow repeat an account or team principal as a reference,
// so that the database itself refuses to remove what they name.
type ownerRow struct {
	Namespace string `gorm:"primaryKey"`
	Principal string `gorm:"primaryKey"`
	AccountID *string
	TeamID    *string
}

func (ownerRow) TableName() string { return "owners" }

type bindingRow struct {
	Namespace string `gorm:"primaryKey"`
	Principal string `gorm:"primaryKey"`
	AccountID *string
	TeamID    *string
	Role      string
	Expires   int64
}

func (bindingRow) TableName() string { return "bindings" }

type passwordRow struct {
	AccountID  string `gorm:"primaryKey"`
	Hash       string
	Changed    int64
	Expires    int64
	MustChange bool
	Version    uint64
}

func (passwordRow) TableName() string { return "passwords" }

// revocationRow names its account without referring to it: a revocation holds
// until it expires, whatever becomes of the account.
type revocationRow struct {
	JTI       string `gorm:"primaryKey;column:jti"`
	AccountID string
	Expires   int64
}

func (revocationRow) TableName() string { return "revocations" }

type keyRow struct {
	KID       string `gorm:"primaryKey;column:kid"`
	Alg       string
	KeyUse    string
	State     string
	Public    string
	Sealed    []byte
	CreatedAt int64 `gorm:"column:created;autoCreateTime:false"`
}

func (keyRow) TableName() string { return "keys" }

type settingRow struct {
	Name  string `gorm:"primaryKey"`
	Value string
}

func (settingRow) TableName() string { return "settings" }

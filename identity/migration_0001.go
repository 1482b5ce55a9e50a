package identity

import "gorm.io/gorm"

// migrateDirectory makes the first schema. References restrict: a removal is
// done by code, which writes the journal; a cascade would pass it by.
func migrateDirectory(db *gorm.DB) error {
	err := db.Migrator().CreateTable(
		&v1Revisions{}, &v1Journal{}, &v1Handles{}, &v1Accounts{}, &v1PlatformRoles{}, &v1Members{},
		&v1Teams{}, &v1TeamMembers{}, &v1Namespaces{}, &v1Labels{}, &v1Owners{}, &v1Bindings{},
		&v1Passwords{}, &v1Revocations{}, &v1Keys{}, &v1Settings{},
	)
	if err != nil {
		return err
	}
	return db.Create(&v1Revisions{ID: 1, Revision: 0}).Error
}

type v1Revisions struct {
	ID       int   `gorm:"primaryKey;autoIncrement:false"`
	Revision int64 `gorm:"not null"`
}

func (v1Revisions) TableName() string { return "revisions" }

type v1Journal struct {
	Revision   int64   `gorm:"primaryKey;autoIncrement:false"`
	Seq        int64   `gorm:"primaryKey;autoIncrement:false"`
	AtMillis   int64   `gorm:"not null"`
	Actor      string  `gorm:"type:text;not null"`
	Collection string  `gorm:"type:text;not null"`
	DocKey     string  `gorm:"type:text;not null"`
	DocBefore  *string `gorm:"type:text"`
	DocAfter   *string `gorm:"type:text"`
}

func (v1Journal) TableName() string { return "journal" }

type v1Handles struct {
	Scope  string `gorm:"type:text;primaryKey;not null"`
	Handle string `gorm:"type:text;primaryKey;not null"`
	Owner  string `gorm:"type:text;not null"`
}

func (v1Handles) TableName() string { return "handles" }

type v1Accounts struct {
	ID         string  `gorm:"type:text;primaryKey;not null"`
	Handle     *string `gorm:"type:text;uniqueIndex:accounts_handle"`
	Kind       string  `gorm:"type:text;not null"`
	State      string  `gorm:"type:text;not null"`
	Email      *string `gorm:"type:text;uniqueIndex:accounts_email"`
	UserID     *string `gorm:"type:text;uniqueIndex:accounts_user_id"`
	UserFold   *string `gorm:"type:text;index:accounts_user_fold"`
	Name       string  `gorm:"type:text;not null"`
	Generation int64   `gorm:"not null"`
	Created    int64   `gorm:"not null"`
}

func (v1Accounts) TableName() string { return "accounts" }

type v1PlatformRoles struct {
	AccountID string     `gorm:"type:text;primaryKey;not null"`
	Role      string     `gorm:"type:text;primaryKey;not null"`
	Account   v1Accounts `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1PlatformRoles) TableName() string { return "platform_roles" }

type v1Members struct {
	OrganisationID string     `gorm:"type:text;primaryKey;not null"`
	AccountID      string     `gorm:"type:text;primaryKey;not null;index:members_account"`
	Role           string     `gorm:"type:text;not null"`
	Organisation   v1Accounts `gorm:"foreignKey:OrganisationID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Account        v1Accounts `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Members) TableName() string { return "members" }

type v1Teams struct {
	ID             string     `gorm:"type:text;primaryKey;not null"`
	OrganisationID string     `gorm:"type:text;not null;uniqueIndex:teams_handle,priority:1"`
	Handle         string     `gorm:"type:text;not null;uniqueIndex:teams_handle,priority:2"`
	Name           string     `gorm:"type:text;not null"`
	Organisation   v1Accounts `gorm:"foreignKey:OrganisationID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Teams) TableName() string { return "teams" }

type v1TeamMembers struct {
	TeamID    string     `gorm:"type:text;primaryKey;not null"`
	AccountID string     `gorm:"type:text;primaryKey;not null;index:team_members_account"`
	Role      string     `gorm:"type:text;not null"`
	Team      v1Teams    `gorm:"foreignKey:TeamID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Account   v1Accounts `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1TeamMembers) TableName() string { return "team_members" }

type v1Namespaces struct {
	Name  string  `gorm:"type:text;primaryKey;not null"`
	Quota *string `gorm:"type:text"`
}

func (v1Namespaces) TableName() string { return "namespaces" }

type v1Labels struct {
	Namespace string       `gorm:"type:text;primaryKey;not null"`
	Label     string       `gorm:"type:text;primaryKey;not null"`
	Value     string       `gorm:"type:text;not null"`
	Of        v1Namespaces `gorm:"foreignKey:Namespace;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Labels) TableName() string { return "labels" }

type v1Owners struct {
	Namespace string       `gorm:"type:text;primaryKey;not null"`
	Principal string       `gorm:"type:text;primaryKey;not null;index:owners_principal"`
	AccountID *string      `gorm:"type:text;index:owners_account"`
	TeamID    *string      `gorm:"type:text;index:owners_team"`
	Of        v1Namespaces `gorm:"foreignKey:Namespace;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Account   *v1Accounts  `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Team      *v1Teams     `gorm:"foreignKey:TeamID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Owners) TableName() string { return "owners" }

type v1Bindings struct {
	Namespace string       `gorm:"type:text;primaryKey;not null"`
	Principal string       `gorm:"type:text;primaryKey;not null;index:bindings_principal"`
	AccountID *string      `gorm:"type:text;index:bindings_account"`
	TeamID    *string      `gorm:"type:text;index:bindings_team"`
	Role      string       `gorm:"type:text;not null"`
	Expires   int64        `gorm:"not null"`
	Of        v1Namespaces `gorm:"foreignKey:Namespace;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Account   *v1Accounts  `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
	Team      *v1Teams     `gorm:"foreignKey:TeamID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Bindings) TableName() string { return "bindings" }

type v1Passwords struct {
	AccountID  string     `gorm:"type:text;primaryKey;not null"`
	Hash       string     `gorm:"type:text;not null"`
	Changed    int64      `gorm:"not null"`
	Expires    int64      `gorm:"not null"`
	MustChange bool       `gorm:"not null"`
	Version    int64      `gorm:"not null"`
	Account    v1Accounts `gorm:"foreignKey:AccountID;constraint:OnUpdate:RESTRICT,OnDelete:RESTRICT"`
}

func (v1Passwords) TableName() string { return "passwords" }

type v1Revocations struct {
	JTI       string `gorm:"type:text;primaryKey;not null;column:jti"`
	AccountID string `gorm:"type:text;not null"`
	Expires   int64  `gorm:"not null;index:revocations_expires"`
}

func (v1Revocations) TableName() string { return "revocations" }

type v1Keys struct {
	KID     string `gorm:"type:text;primaryKey;not null;column:kid"`
	Alg     string `gorm:"type:text;not null"`
	KeyUse  string `gorm:"type:text;not null"`
	State   string `gorm:"type:text;not null"`
	Public  string `gorm:"type:text;not null"`
	Sealed  []byte
	Created int64 `gorm:"not null"`
}

func (v1Keys) TableName() string { return "keys" }

type v1Settings struct {
	Name  string `gorm:"type:text;primaryKey;not null"`
	Value string `gorm:"type:text;not null"`
}

func (v1Settings) TableName() string { return "settings" }

// The types of databases, one function for each: the text behind "TYPE:".
#pragma once

#include <string>
#include <string_view>

#include "imapd/auth/database.h"

namespace relais {

using OpenedAuthDatabase = Result<std::unique_ptr<AuthDatabase>>;

// passwd-file:FILE[,FILE]: files in the form of lib/sasl/users_file.h, searched in order.
[[nodiscard]] OpenedAuthDatabase open_passwd_files(std::string_view text);

// sql:FILE: a dovecot-sql.conf.ext.
[[nodiscard]] OpenedAuthDatabase open_auth_sql(std::string_view text);

// ldap:FILE: a dovecot-ldap.conf.ext.
[[nodiscard]] OpenedAuthDatabase open_auth_ldap(std::string_view text);

// oauth2:FILE: a dovecot-oauth2.conf.ext.
[[nodiscard]] OpenedAuthDatabase open_auth_oauth2(std::string_view text);

// static:FIELD=VALUE ...: the same for every user.
[[nodiscard]] OpenedAuthDatabase open_auth_static(std::string_view text);

// passwd: the system's accounts; their passwords from shadow(5).
[[nodiscard]] OpenedAuthDatabase open_auth_passwd(std::string_view text);

// pam:[SERVICE]: passwords that PAM looks at.
[[nodiscard]] OpenedAuthDatabase open_auth_pam(std::string_view text);

}  // namespace relais

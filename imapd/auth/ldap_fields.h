// What pass_attrs, user_attrs and iterate_attrs of a dovecot-ldap.conf.ext make of an entry.
//
//     attribute=field            the field has the attribute's value
//     attribute=field=template   the same through a template, in which %$ is the value
//     =field=template            %{ldap:attribute} or %{ldap:attribute:otherwise}, and %{ldap_dn}
//     !attribute                 fetched for templates, and no field
//
// % variables of the login stand in templates as well.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/maps/databases/ldap_client.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/user_variables.h"

namespace relais {

class LdapFields {
  public:
    LdapFields() = default;

    // kSyntax: what is wrong with the list.
    [[nodiscard]] static Result<LdapFields> parse(std::string_view list);

    // Without the field of this name: who binds is not told passwords.
    void leave_out(std::string_view field);

    // To be asked for.
    [[nodiscard]] std::vector<std::string> attributes() const;

    // `title` is for the warning of an attribute that has several values.
    [[nodiscard]] AuthParameters of(const LdapEntry& entry, const UserVariables& variables,
                                    const std::string& title) const;

  private:
    struct Field {
        std::string attribute;  // empty: it has none of its own
        std::string name;       // empty: no field
        std::string value;      // a template, where `templated`
        bool templated = false;
    };

    std::vector<Field> fields_;
};

}  // namespace relais

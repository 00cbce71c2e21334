#include "imapd/auth/database.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "imapd/auth/databases.h"

namespace relais {

namespace {

// Of a request's parameters: their letter, and their long name where it is another.
struct Known {
    std::string_view parameter;
    std::string_view letter;
};

constexpr Known kKnown[] = {{"service", "s"}, {"lip", "l"},     {"rip", "r"},
                            {"lport", "a"},   {"rport", "b"},   {"mech", "m"},
                            {"secured", "c"}, {"session", "{"}, {"cert_username", "{"}};

}  // namespace

UserVariables AuthQuery::variables() const {
    UserVariables variables(user);
    for (const Known& known : kKnown) {
        std::string_view value = parameters.get(known.parameter);
        if (known.parameter == "secured") {
            value = parameters.has("secured") ? "secured" : "";
        }
        variables.set(known.letter, value);
        variables.set(known.parameter, value);
    }
    variables.set("w", password);
    variables.set("password", password);
    return variables;
}

std::string AuthQuery::serialize() const {
    AuthLine line(auth_escape(user));
    line.field(password);
    for (const auto& [name, value] : parameters.all()) {
        line.field(name, value);
    }
    return line.finish();
}

AuthQuery AuthQuery::parse(std::string_view line) {
    auto fields = parse_auth_line(trim_right(line, "\n"));
    AuthQuery query;
    query.user = fields[0];
    query.password = fields.size() > 1 ? fields[1] : "";
    query.parameters = AuthParameters(fields, 2);
    return query;
}

std::string AuthAnswer::serialize() const {
    AuthLine line(std::to_string(static_cast<int>(kind)));
    line.field(reason);
    for (const auto& [name, value] : fields.all()) {
        line.field(name, value);
    }
    return line.finish();
}

AuthAnswer AuthAnswer::parse(std::string_view line) {
    auto fields = parse_auth_line(trim_right(line, "\n"));
    auto kind = parse_uint(fields[0]);
    if (!kind || *kind >= static_cast<std::uint64_t>(Kind::kTemporary) || fields.size() < 2) {
        return temporary(fields.size() > 1 ? fields[1] : "malformed answer");
    }
    return {static_cast<Kind>(*kind), fields[1], AuthParameters(fields, 2)};
}

namespace {

struct DatabaseType {
    std::string_view name;
    OpenedAuthDatabase (*open)(std::string_view text);
};

constexpr DatabaseType kTypes[] = {
    {"passwd-file", open_passwd_files},
    {"sql", open_auth_sql},
    {"ldap", open_auth_ldap},
    {"static", open_auth_static},
    {"passwd", open_auth_passwd},
    {"shadow", open_auth_passwd},
    {"pam", open_auth_pam},
    {"oauth2", open_auth_oauth2},
};

}  // namespace

Result<std::unique_ptr<AuthDatabase>> open_auth_database(std::string_view text) {
    auto parts = split_first(text, ':');
    std::string_view type = parts ? parts->first : text;
    std::string_view argument = parts ? trim(parts->second) : "";
    std::string known;
    for (const DatabaseType& each : kTypes) {
        if (each.name == type) {
            return each.open(argument);
        }
        known += format(" {}", each.name);
    }
    return fail(Errc::kSyntax,
                format("{}: unknown type of database (known are{})", printable(type), known));
}

std::string whole_text(const AuthParameters& fields) {
    return AuthAnswer::found(fields).serialize();
}

void add_fields(AuthParameters& to, const AuthParameters& more) {
    for (const auto& [name, value] : more.all()) {
        to.set(name, value);
    }
}

AuthParameters fields_of_mail(const AuthParameters& password_fields) {
    constexpr std::string_view kUserdb = "userdb_";
    AuthParameters fields;
    for (const auto& [name, value] : password_fields.all()) {
        if (name.starts_with(kUserdb)) {
            fields.set(std::string_view(name).substr(kUserdb.size()), value);
        }
    }
    fields.set("password", password_fields.get("password"));
    return fields;
}

Task<Result<std::vector<std::string>>> AuthDatabase::list_users() {
    co_return fail(Errc::kDenied, "this database cannot list its users");
}

}  // namespace relais

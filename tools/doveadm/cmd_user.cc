// doveadm user: what the databases say of users, or who fits a pattern.
#include <algorithm>
#include <cstdio>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/user_variables.h"

#include "tools/doveadm/auth_service.h"
#include "tools/doveadm/commands.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// As the databases say it; what only our own services are told is left out.
Fields database_fields(const AuthReply& reply) {
    Fields fields;
    for (const auto& [name, value] : reply.parameters.all()) {
        if (name != "version" && name != "files" && name != "nologin") {
            fields.emplace_back(name, value);
        }
    }
    return fields;
}

// In Dovecot's order, with what is so for everybody.
Fields mail_fields(const AuthReply& reply, const std::string& asked) {
    Fields fields;
    for (std::string_view name : {"uid", "gid", "home", "mail"}) {
        std::string value(reply.parameters.get(name));
        if (name == "mail" && value.empty()) {
            value = conf().imap_mail_location();
        }
        fields.emplace_back(name, value);
    }
    for (auto& [name, value] : database_fields(reply)) {
        bool first = std::ranges::find(fields, name, &Fields::value_type::first) != fields.end();
        if (!first) {
            fields.emplace_back(name, value);
        }
    }
    if (reply.user != asked) {
        fields.emplace_back("user", reply.user);
    }
    return fields;
}

class UserCommand {
  public:
    UserCommand(const OptionWords& options, const Globals& globals)
        : options_(options), auth_(options.get('a')), printer_(globals.printer("tab")) {}

    int run() {
        const Words& words = options_.rest();
        bool listing = std::ranges::any_of(words, is_pattern);
        bool table = !options_.has('f') && !options_.has('e') && !options_.has('u') && !listing;
        if (table) {
            printer_->set_columns({{"field"}, {"value"}});
        }
        int status = listing ? list(words) : kOk;
        for (std::size_t i = 0; !listing && i < words.size(); ++i) {
            if (i > 0) {
                std::puts("");
            }
            int one = look_up(words[i]);
            status = one != kOk ? one : status;
        }
        printer_->finish();
        return status;
    }

  private:
    int list(const Words& patterns) {
        auto users = auth_.users(patterns);
        if (!users) {
            print_error("", users.error().message);
            end_with(kTemporary, "user listing failed");
        }
        for (const std::string& user : *users) {
            std::puts(user.c_str());
        }
        return kOk;
    }

    int look_up(const std::string& name) {
        AuthReply reply = auth_.user(name);
        if (reply.kind == AuthReply::Kind::kFailure) {
            tell_unknown(name);
            return kNoUser;
        }
        if (reply.kind != AuthReply::Kind::kSuccess) {
            print_error("", "userdb lookup failed for " + name + ": " + reply.reason);
            return kTemporary;
        }
        print(reply, name);
        return kOk;
    }

    // Where a script reads one field, it is an error; -u has no empty line before it.
    void tell_unknown(const std::string& name) {
        bool one_field = options_.has('f') || options_.has('e');
        std::fprintf(one_field ? stderr : stdout, "%suserdb lookup: user %s doesn't exist\n",
                     options_.has('u') ? "" : "\n", name.c_str());
    }

    void print(const AuthReply& reply, const std::string& asked) {
        if (options_.has('f')) {
            print_field(options_.has('u') ? database_fields(reply) : mail_fields(reply, asked));
        } else if (options_.has('u')) {
            print_plain(reply, asked);
        } else if (options_.has('e')) {
            UserVariables variables(reply.user, reply.parameters.get("home"));
            std::puts(variables.expand(options_.get('e')).c_str());
        } else {
            for (const auto& [name, value] : mail_fields(reply, asked)) {
                printer_->value(name);
                printer_->value(value);
            }
        }
    }

    void print_field(const Fields& fields) {
        for (const auto& [name, value] : fields) {
            if (name == options_.get('f')) {
                std::puts(value.c_str());
            }
        }
    }

    static void print_plain(const AuthReply& reply, const std::string& asked) {
        std::printf("userdb: %s\n  user      : %s\n", asked.c_str(), reply.user.c_str());
        for (const auto& [name, value] : database_fields(reply)) {
            std::printf("  %-10s: %s\n", name.c_str(), value.c_str());
        }
    }

    const OptionWords& options_;
    AuthService auth_;
    std::unique_ptr<Printer> printer_;
};

}  // namespace

int cmd_user(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    for (char other : {'u', 'f'}) {
        if (options.has('e') && options.has(other)) {
            print_error("", format("-e can't be used with -{}", other));
            return kUsage;
        }
    }
    return UserCommand(options, globals).run();
}

}  // namespace relais::doveadm

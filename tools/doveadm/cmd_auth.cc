// doveadm auth test, login, lookup, cache flush: the auth service, as its clients see it.
#include <cstdio>
#include <iostream>

#include "lib/base/strings.h"

#include "tools/doveadm/auth_service.h"
#include "tools/doveadm/commands.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

std::string password_argument(const Words& words) {
    if (words.size() > 1) {
        return words[1];
    }
    std::string line;
    std::getline(std::cin, line);
    return line;
}

// The name, what came of it, and what else the service said.
bool print_outcome(const std::string& name, const AuthReply& reply) {
    bool right = reply.kind == AuthReply::Kind::kSuccess;
    std::printf("passdb: %s auth %s\nextra fields:\n", name.c_str(),
                right ? "succeeded" : "failed");
    for (const auto& [key, value] : reply.parameters.all()) {
        if (key == kAuthLogReason) {
            continue;
        }
        std::printf(value.empty() ? "  %s\n" : "  %s=%s\n", key.c_str(), value.c_str());
    }
    return right;
}

void print_user(const AuthReply& reply) {
    std::printf("userdb extra fields:\n  %s\n", reply.user.c_str());
    for (const auto& [key, value] : reply.parameters.all()) {
        if (key != "version" && key != "files") {
            std::printf("  %s=%s\n", key.c_str(), value.c_str());
        }
    }
    std::puts("  auth_mech=PLAIN");
}

Words facts_of(const OptionWords& options) {
    return options.has('x') ? Words{options.get('x')} : Words();
}

}  // namespace

int cmd_auth_test(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    options.expect_at_most(2);
    AuthService auth(options.get('a'));
    AuthReply reply = auth.log_in(options.rest()[0], options.get('M'),
                                  password_argument(options.rest()), peer_of(facts_of(options)));
    return print_outcome(options.rest()[0], reply) ? kOk : kNoPermission;
}

int cmd_auth_login(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    options.expect_at_most(2);
    AuthService auth(options.get('a'));
    AuthPeer peer = peer_of(facts_of(options));
    peer.no_login = false;
    AuthReply reply =
        auth.log_in(options.rest()[0], options.get('M'), password_argument(options.rest()), peer);
    if (!print_outcome(options.rest()[0], reply)) {
        return kNoPermission;
    }
    AuthReply user = auth.last_login();
    if (user.kind != AuthReply::Kind::kSuccess) {
        print_error("", "userdb lookup failed: " + user.reason);
        return kTemporary;
    }
    print_user(user);
    return kOk;
}

int cmd_auth_lookup(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    AuthService auth(options.get('a'));
    int status = kOk;
    bool first = true;
    for (const std::string& name : options.rest()) {
        std::fputs(first ? "" : "\n", stdout);
        first = false;
        AuthReply reply = auth.password_entry(name);
        if (reply.kind != AuthReply::Kind::kSuccess) {
            bool unknown = reply.kind == AuthReply::Kind::kFailure;
            std::printf(unknown ? "passdb lookup: user %s doesn't exist\n"
                                : "passdb lookup failed for %s\n",
                        name.c_str());
            status = unknown ? kNoUser : kTemporary;
            continue;
        }
        reply.parameters.set("user", reply.user);
        if (options.has('f')) {
            std::string value(reply.parameters.get(options.get('f')));
            std::puts(value.c_str());
            continue;
        }
        std::printf("passdb: %s\n  user      : %s\n", name.c_str(), reply.user.c_str());
        for (const auto& [key, value] : reply.parameters.all()) {
            if (key != "user") {
                std::printf("  %-10s: %s\n", key.c_str(), value.c_str());
            }
        }
    }
    return status;
}

int cmd_auth_cache_flush(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    AuthService auth(options.get('a'));
    AuthReply reply = auth.flush_cache(options.rest());
    if (reply.kind != AuthReply::Kind::kSuccess) {
        print_error("", "auth-master: auth cache flush: " + reply.reason);
    }
    std::string count(reply.parameters.get("count"));
    std::printf("%s cache entries flushed\n", count.empty() ? "0" : count.c_str());
    return kOk;
}

}  // namespace relais::doveadm

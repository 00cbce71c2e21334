// doveadm pw: makes the stored form of a password, or holds a password against one.
#include <cstdio>
#include <iostream>
#include <string>

#include <termios.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sasl/make_password.h"
#include "lib/sasl/password.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// Typed without an echo, where a person types.
std::string read_password(const char* prompt) {
    termios before{};
    bool terminal = ::tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        std::fputs(prompt, stderr);
        termios silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    std::string line;
    std::getline(std::cin, line);
    if (terminal) {
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        std::fputs("\n", stderr);
    }
    return line;
}

std::string ask_twice() {
    for (;;) {
        std::string password = read_password("Enter new password: ");
        if (read_password("Retype new password: ") == password) {
            return password;
        }
        print_error("", "Passwords don't match!");
    }
}

void verify(const std::string& password, const std::string& stored, const std::string& user) {
    auto right = verify_password(password, stored, "", user);
    if (!right && right.error().message.starts_with("unknown password scheme")) {
        end_with(kTemporary, "reverse decode check failed: Unknown scheme");
    }
    if (!right) {
        end_with(kTemporary, "reverse decode check failed: " + right.error().message);
    }
    if (!*right) {
        end_with(kTemporary, "reverse password verification check failed: Password mismatch");
    }
}

void print_schemes() {
    std::string line;
    for (std::string_view name : password_schemes()) {
        line += std::string(name) + " ";
    }
    std::puts(line.c_str());
}

}  // namespace

int cmd_pw(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    if (options.has('l')) {
        print_schemes();
        return kOk;
    }
    std::string tested = options.get('t');
    if (options.has('t') && (!tested.starts_with('{') || tested.find('}') == std::string::npos)) {
        end_with(kTemporary, "Missing {scheme} prefix from hash");
    }
    std::string password = options.has('p')   ? options.get('p')
                           : options.has('t') ? read_password("Enter password to verify: ")
                                              : ask_twice();
    std::string user = options.get('u');
    if (options.has('t')) {
        verify(password, tested, user);
        std::puts((tested + " (verified)").c_str());
        return kOk;
    }
    PasswordWish wish{options.has('s') ? options.get('s') : "CRYPT", user,
                      static_cast<unsigned>(parse_uint(options.get('r')).value_or(0))};
    auto made = make_password(password, wish);
    if (!made) {
        end_with(kTemporary, made.error().message);
    }
    if (options.has('V')) {
        verify(password, *made, user);
    }
    std::puts((*made + (options.has('V') ? " (verified)" : "")).c_str());
    return kOk;
}

}  // namespace relais::doveadm

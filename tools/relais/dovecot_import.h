// What a Dovecot configuration means in ours: parameters, services, and the lines that have no
// counterpart, each with the reason.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/config/dovecot_conf.h"

namespace relais {

struct DovecotImport {
    struct Parameter {
        std::string value;
        std::string from;  // "FILE:LINE"
    };

    struct Left {
        std::string place;
        std::string text;  // "name = value"
        std::string why;
    };

    std::map<std::string, Parameter> parameters;  // of main.cf
    std::vector<std::string> services;            // lines of master.cf
    std::map<std::string, std::string> files;     // by path: for root alone, with passwords
    std::vector<Left> left;

    // Where Postfix's sockets are, and main.cf.
    struct Directories {
        std::string queue;
        std::string config;
    };

    // The whole of it.
    [[nodiscard]] static DovecotImport from(const DovecotSection& tree,
                                            const Directories& directories);
};

// relais dovecot check: prints it; import: writes it as well.  Status 1 where something is left.
int dovecot_check(const std::string& path);
int dovecot_import(const std::string& path);

}  // namespace relais

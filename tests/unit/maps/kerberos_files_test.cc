// Where tickets are.
#include "lib/maps/databases/kerberos_files.h"

#include <cstdlib>

#include "tests/support/catch.h"

using namespace relais;

namespace {

struct Said {
    const char* cache;
    const char* keys;
    KerberosFiles files;
};

void say(const char* name, const char* value) {
    if (value != nullptr) {
        ::setenv(name, value, 1);
    } else {
        ::unsetenv(name);
    }
}

}  // namespace

TEST_CASE("maps/kerberos_files: as the environment says, or by default") {
    const Said cases[] = {
        {nullptr, nullptr, {"/tmp/krb5cc_89", ""}},
        {"FILE:/var/lib/x/cc", nullptr, {"/var/lib/x/cc", ""}},
        {"/var/lib/x/cc", "FILE:/etc/mail.keytab", {"/var/lib/x/cc", "/etc/mail.keytab"}},
        {"DIR:/var/lib/x/all", "/etc/mail.keytab", {"/var/lib/x/all/", "/etc/mail.keytab"}},
        {"DIR:/var/lib/x/all/", nullptr, {"/var/lib/x/all/", ""}},
        {"DIR::/var/lib/x/all/tkt", nullptr, {"/var/lib/x/all/tkt", ""}},
        {"KCM:", "/etc/mail.keytab", {"", "/etc/mail.keytab"}},
        {"MEMORY:x", nullptr, {"", ""}},
        {"KEYRING:persistent:89", nullptr, {"", ""}},
    };
    for (const Said& each : cases) {
        say("KRB5CCNAME", each.cache);
        say("KRB5_CLIENT_KTNAME", each.keys);
        const KerberosFiles files = kerberos_files(89);
        INFO((each.cache == nullptr ? "" : each.cache));
        CHECK(files.cache == each.files.cache);
        CHECK(files.keys == each.files.keys);
    }
    say("KRB5CCNAME", nullptr);
    say("KRB5_CLIENT_KTNAME", nullptr);
}

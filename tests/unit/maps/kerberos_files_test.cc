// Where tickets are.
#include "lib/maps/databases/kerberos_files.h"

#include <cstdlib>

#include "tests/support/catch.h"

using namespace relais;
using Files = std::vector<std::string>;

TEST_CASE("maps/kerberos_files: as the environment says, or by default") {
    ::unsetenv("KRB5CCNAME");
    ::unsetenv("KRB5_CLIENT_KTNAME");
    CHECK(kerberos_files(89) == Files{"/tmp/krb5cc_89"});
    ::setenv("KRB5CCNAME", "FILE:/var/lib/x/cc", 1);
    CHECK(kerberos_files(89) == Files{"/var/lib/x/cc"});
    ::setenv("KRB5CCNAME", "DIR:/var/lib/x/all", 1);
    ::setenv("KRB5_CLIENT_KTNAME", "/etc/mail.keytab", 1);
    CHECK(kerberos_files(89) == Files{"/var/lib/x/all", "/etc/mail.keytab"});
    for (const char* elsewhere : {"KCM:", "MEMORY:x", "KEYRING:persistent:89"}) {
        ::setenv("KRB5CCNAME", elsewhere, 1);
        CHECK(kerberos_files(89) == Files{"/etc/mail.keytab"});
    }
    ::unsetenv("KRB5CCNAME");
    ::unsetenv("KRB5_CLIENT_KTNAME");
}

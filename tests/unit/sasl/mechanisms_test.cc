// Password schemes as Dovecot's doveadm wrote them, and mechanisms that send no password.
#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/sasl/auth_server.h"
#include "lib/sasl/password.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// doveadm pw -s SCHEME -u bob@x.test -p secret, of Dovecot 2.3.
constexpr std::string_view kStored[] = {
    "{MD5}$1$8vuFuKLd$nZ/lgEv95PFbxM7wDm2DE0",
    "{MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
    "{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
    "{HMAC-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
    "{CRAM-MD5.B64}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y=",
    "{DIGEST-MD5}5c0b44b299a52c68d6bd8a82849d1dfb",
    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$qYNZAq3Qx+Q2esOKhIsX8g$"
    "kmuIsQZVs6+2T6hBoP9q/oOxTXb9nj2tY3iXB41jiJE",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$C8MzfqdD3UsVC4LILilYug$"
    "wcZfwtzRzYqh4HLRHQhNitnxSE5TyHpf7CBTEkDkS3o",
    "{PBKDF2}$1$9tjSGa6JrbtggRZ.$5000$bb18c61645fb8a8401d382cc4c272eb4afe6a491",
    "{SCRAM-SHA-1}4096,DUTtm6+gCHdQe2uk+c8fQg==,XWWUz5fZ+uldWr6S5KwJVUQpSBA=,"
    "2OwByIlLqYy/4d6eajL9EYAq48w=",
    "{SCRAM-SHA-256}4096,dQffw/PFOrGIUyp4Y2IBPg==,55DmAZx8aWyA0ws8U/h5Sox0mOHwZcoSMSYzR+Jirvc=,"
    "NSt7v3wT8yiCsGa3z2C5S1YTlAuLmrZKNV8yCJMXDAE=",
    "{BLF-CRYPT}$2y$05$7WsD16Z9NsCEjtNytOP36Og0R2zuuJngUdWuwh08zlvgVVE0XylR.",
};

// The client's last message for a SCRAM server's first.
std::string scram_answer(ScramHash hash, std::string_view password, const std::string& bare,
                         const std::string& server_first) {
    std::string nonce = server_first.substr(2, server_first.find(',') - 2);
    auto salt_at = server_first.find(",s=") + 3;
    auto salt =
        base64_decode(server_first.substr(salt_at, server_first.find(',', salt_at) - salt_at));
    ScramKeys keys = make_scram_keys(hash, password, *salt, 4096);
    std::string without = "c=biws,r=" + nonce;
    std::string all = bare + "," + server_first + "," + without;
    // ClientKey is not kept by servers: H(x) is StoredKey for it alone.
    std::string salted(hash == ScramHash::kSha1 ? 20 : 32, '\0');
    std::string block = *salt + std::string("\0\0\0\1", 4);
    std::string turn = scram_hmac(hash, password, block);
    salted = turn;
    for (int i = 1; i < 4096; ++i) {
        turn = scram_hmac(hash, password, turn);
        for (std::size_t k = 0; k < turn.size(); ++k) {
            salted[k] = static_cast<char>(salted[k] ^ turn[k]);
        }
    }
    std::string proof = scram_hmac(hash, salted, "Client Key");
    std::string signature = scram_hmac(hash, keys.stored_key, all);
    for (std::size_t k = 0; k < proof.size(); ++k) {
        proof[k] = static_cast<char>(proof[k] ^ signature[k]);
    }
    return without + ",p=" + base64_encode(proof);
}

}  // namespace

TEST_CASE("sasl/password: schemes in the form of Dovecot's doveadm") {
    for (std::string_view stored : kStored) {
        INFO(stored);
        CHECK(verify_password("secret", stored, "CRYPT", "bob@x.test") == true);
        CHECK(verify_password("secres", stored, "CRYPT", "bob@x.test") == false);
        CHECK(verify_password("", stored, "CRYPT", "bob@x.test") == false);
    }
    CHECK(verify_password("secret", kStored[5], "CRYPT", "eve@x.test") == false);
    CHECK(is_slow_scheme(kStored[7]));
    CHECK_FALSE(is_slow_scheme(kStored[2]));
    for (std::string_view torn :
         {"{CRAM-MD5}cd3b", "{ARGON2ID}$argon2id$", "{PBKDF2}$1$salt$0$bb", "{PBKDF2}$2$a$1$bb",
          "{SCRAM-SHA-256}4096,AAAA", "{SCRAM-SHA-1}99999999999,AAAA,AAAA,AAAA", "{DIGEST-MD5}x"}) {
        INFO(torn);
        CHECK_FALSE(verify_password("secret", torn));
    }
}

// RFC 2195 2.
TEST_CASE("sasl/mechanism: CRAM-MD5's example") {
    constexpr std::string_view kChallenge = "<1896.697170952@postoffice.reston.mci.net>";
    auto digest = hex_decode("b913a602c7eda7a495b4e6e7334d3890");
    CHECK(verify_response("CRAM-MD5", kChallenge, *digest, "{PLAIN}tanstaaftanstaaf") == true);
    CHECK(verify_response("CRAM-MD5", kChallenge, *digest, "{PLAIN}other") == false);
    std::string state = "{CRAM-MD5}" + hex_encode(cram_md5_state("tanstaaftanstaaf"));
    CHECK(verify_response("CRAM-MD5", kChallenge, *digest, state) == true);
    CHECK_FALSE(verify_response("CRAM-MD5", kChallenge, *digest, kStored[7]));
    CHECK(cram_md5_state(std::string(100, 'k')).size() == 32);
}

TEST_CASE("sasl/mechanism: CRAM-MD5 asks first, and has a new challenge each time") {
    auto one = SaslMechanism::make("CRAM-MD5");
    auto two = SaslMechanism::make("CRAM-MD5");
    std::string challenge = one->step(std::nullopt).challenge;
    CHECK(challenge != two->step("").challenge);
    auto step = one->step("bob smith b913a602c7eda7a495b4e6e7334d3890");
    CHECK(step.kind == SaslStep::Kind::kCredentials);
    CHECK(step.credentials.user == "bob smith");
    CHECK(step.credentials.challenge == challenge);
    for (std::string_view wrong : {"", "bob", "bob 12", " b913a602c7eda7a495b4e6e7334d3890"}) {
        CHECK(two->step(wrong).kind == SaslStep::Kind::kMalformed);
    }
}

// RFC 5802 5: the server's signature and the proof of the example.
TEST_CASE("sasl/mechanism: SCRAM-SHA-1's example") {
    ScramKeys keys =
        make_scram_keys(ScramHash::kSha1, "pencil", *base64_decode("QSXCR+Q6sek8bf92"), 4096);
    constexpr std::string_view kAll =
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
        "s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
    CHECK(base64_encode(scram_hmac(ScramHash::kSha1, keys.server_key, kAll)) ==
          "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    std::string key = scram_hmac(ScramHash::kSha1, keys.stored_key, kAll);
    std::string proof = *base64_decode("v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<char>(key[i] ^ proof[i]);
    }
    CHECK(scram_digest(ScramHash::kSha1, key) == keys.stored_key);
}

TEST_CASE("sasl/mechanism: SCRAM from the first message to the last") {
    for (std::string_view stored : {kStored[10], std::string_view("{PLAIN}secret")}) {
        auto server = SaslMechanism::make("SCRAM-SHA-256");
        CHECK(server->step(std::nullopt).challenge.empty());
        auto step = server->step("n,,n=bo=2Cb=3D,r=abc");
        REQUIRE(step.kind == SaslStep::Kind::kSecret);
        CHECK(step.credentials.user == "bo,b=");
        step = server->secret(stored, "CRYPT");
        REQUIRE(step.challenge.starts_with("r=abc"));
        step = server->step(
            scram_answer(ScramHash::kSha256, "secret", "n=bo=2Cb=3D,r=abc", step.challenge));
        CHECK(step.challenge.starts_with("v="));
        step = server->step("");
        CHECK(step.kind == SaslStep::Kind::kCredentials);
        CHECK(step.credentials.proof == Proof::kRight);
    }
}

TEST_CASE("sasl/mechanism: SCRAM tells nobody who exists, and believes no wrong proof") {
    for (auto stored :
         {std::optional<std::string_view>("{PLAIN}other"),
          std::optional<std::string_view>(kStored[7]), std::optional<std::string_view>()}) {
        auto server = SaslMechanism::make("SCRAM-SHA-1");
        CHECK(server->step("n,,n=bob,r=abc").kind == SaslStep::Kind::kSecret);
        auto step = server->secret(stored, "CRYPT");
        REQUIRE(step.kind == SaslStep::Kind::kChallenge);
        step =
            server->step(scram_answer(ScramHash::kSha1, "secret", "n=bob,r=abc", step.challenge));
        CHECK(step.kind == SaslStep::Kind::kCredentials);
        CHECK(step.credentials.proof == Proof::kWrong);
    }
    for (std::string_view wrong : {"", "n,,", "p=tls-unique,,n=bob,r=x", "n,,n=,r=x", "n,,n=bob,r=",
                                   "n,a=x=,n=bob,r=x", "n,,m=x,n=bob,r=x", "n,,n=b=2,r=x"}) {
        INFO(wrong);
        CHECK(SaslMechanism::make("SCRAM-SHA-1")->step(wrong).kind == SaslStep::Kind::kMalformed);
    }
    auto server = SaslMechanism::make("SCRAM-SHA-1");
    CHECK(server->step("y,,n=bob,r=abc").kind == SaslStep::Kind::kSecret);
    auto step = server->secret("{PLAIN}secret", "CRYPT");
    // Another header than the one that was sent: somebody in the middle.
    CHECK(server->step(scram_answer(ScramHash::kSha1, "secret", "n=bob,r=abc", step.challenge))
              .kind == SaslStep::Kind::kMalformed);
}

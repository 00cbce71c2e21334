#include "tests/fuzz/support/mail_user.h"

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "lib/event/task_group.h"

#include "tests/fuzz/support/conversation.h"

namespace relais::fuzz {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kMessages = {{
    {"cur/1000000001.M1.host:2,S",
     "From: Ann Other <ann@example.org>\nTo: bob@example.net, =?utf-8?q?J=C3=BCrgen?= "
     "<j@example.com>\n"
     "Subject: =?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\nMessage-ID: <1@example.org>\n"
     "Date: Sun, 9 Sep 2001 03:46:41 +0200\n\nplain text\n"},
    {"cur/1000000002.M2.host:2,FRa",
     "From: b@example.org\nSubject: Re: parts\nReferences: <1@example.org>\nMessage-ID: "
     "<2@example.org>\n"
     "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b 1\"\n\n--b 1\n"
     "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
     "quoted-printable\n\n=C3=A4 caf=C3=A9=\n\n"
     "--b 1\nContent-Type: message/rfc822\n\nSubject: within\n\ntext\n--b 1\nContent-Type: "
     "image/png; name=a.png\n"
     "Content-Transfer-Encoding: base64\nContent-Disposition: attachment; "
     "filename*=utf-8''%c3%a4.png\n\nAAECAwQ=\n--b 1--\n"},
    {"new/1000000003.M3.host", "subject: no date\n\n.\n..dots\nlong line without end"},
    {".Sent/cur/1000000004.M4.host:2,DT",
     "Subject: (fwd) sent\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n"},
}};

std::string make_mail() {
    std::string home = scratch() + "/home";
    std::filesystem::remove_all(home);
    for (std::string_view folder : {"", "/.Sent", "/.a", "/.a.b"}) {
        for (std::string_view kind : {"cur", "new", "tmp"}) {
            std::filesystem::create_directories(home + "/Maildir" + std::string(folder) + "/" +
                                                std::string(kind));
        }
    }
    for (const auto& [name, text] : kMessages) {
        put("home/Maildir/" + std::string(name), text);
    }
    put("home/Maildir/dovecot-keywords", "0 $Label1\n");
    put("home/Maildir/subscriptions", "Sent\n");
    return home;
}

Task<void> serve_user(UniqueFd fd, std::string home, ServeUser serve) {
    User user("bob", home, "maildir:" + home + "/Maildir");
    if (!user.prepare()) {
        std::abort();
    }
    {
        Stream stream(std::move(fd));
        SessionStart start;
        start.tag = "a";
        co_await serve(&user, &stream, std::move(start));
    }
    co_await user.close();
    user.save_all();
}

}  // namespace

void converse_with_mail(std::string_view input, ServeUser serve) {
    std::string home = make_mail();
    converse(input, [&](UniqueFd fd) { return serve_user(std::move(fd), home, serve); });
}

}  // namespace relais::fuzz

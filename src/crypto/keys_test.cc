#include "crypto/keys.h"

#include <doctest/doctest.h>

#include "crypto/certificate.h"

using namespace dl;
using namespace dl::crypto;

namespace {

const WallTime kNow{Millis(1'800'000'000'000)};

struct World {
  SeededRandom random{1};
  Authority ca = make_authority("hub CA", Validity::days(kNow, 7300), random).value();
  PrivateKey device = PrivateKey::generate(random);
};

}  // namespace

TEST_CASE("what one key signs no other message, key or changed signature passes") {
  SeededRandom random(1);
  PrivateKey key = PrivateKey::generate(random), other = PrivateKey::generate(random);
  Bytes signature = key.sign("message");
  CHECK(key.public_key().verify("message", signature));
  CHECK(!key.public_key().verify("massage", signature));
  CHECK(!other.public_key().verify("message", signature));
  for (size_t i = 0; i < signature.size(); i++) {
    Bytes bad = signature;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    REQUIRE(!key.public_key().verify("message", bad));
  }
  CHECK(!key.public_key().verify("message", ""));
}

TEST_CASE("keys survive their encodings; foreign and cut ones are refused") {
  SeededRandom random(2);
  PrivateKey key = PrivateKey::generate(random);
  Bytes signature = key.sign("m");
  CHECK(PrivateKey::from_der(key.der()).value().public_key() == key.public_key());
  CHECK(PrivateKey::from_pem(key.pem()).value().public_key() == key.public_key());
  CHECK(PublicKey::from_spki(key.public_key().spki()).value().verify("m", signature));
  CHECK(PrivateKey::from_der(key.der().substr(1)).error().code == Code::kInvalid);
  CHECK(PrivateKey::from_der(key.der() + "x").error().code == Code::kInvalid);
  CHECK(PrivateKey::from_pem("").error().code == Code::kInvalid);
  CHECK(PublicKey::from_spki(key.der()).error().code == Code::kInvalid);
  CHECK(PublicKey::from_spki(key.public_key().spki() + "x").error().code == Code::kInvalid);
}

TEST_CASE("the same randomness makes the same key, so that a simulated world repeats itself") {
  SeededRandom a(3), b(3);
  CHECK(PrivateKey::generate(a).der() == PrivateKey::generate(b).der());
}

TEST_CASE("a server certificate names what it was asked for and holds under strict rules, only in its time") {
  World w;
  auto cert = issue_server(w.ca, w.device.public_key(), {"localhost", "field-01.example", "127.0.0.1", "::1"},
                           Validity::days(kNow, kServerCertificateDays), w.random)
                  .value();
  CHECK(cert.dns_names() == std::vector<std::string>{"localhost", "field-01.example"});
  CHECK(cert.ip_names() == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(cert.public_key().value() == w.device.public_key());
  CHECK(cert.not_after() == kNow + std::chrono::days(90));
  CHECK(!cert.is_ca());
  CHECK(w.ca.certificate.is_ca());
  CHECK(verify_issued(cert, w.ca.certificate, Usage::kServer, kNow).ok());
  CHECK(!verify_issued(cert, w.ca.certificate, Usage::kServer, kNow + std::chrono::days(91)).ok());
  CHECK(!verify_issued(cert, w.ca.certificate, Usage::kServer, kNow - std::chrono::days(2)).ok());
  CHECK(!verify_issued(cert, w.ca.certificate, Usage::kClient, kNow).ok());
  CHECK(Certificate::from_pem(cert.pem()).value().der() == cert.der());
  CHECK(Certificate::from_der(cert.der()).value().fingerprint() == cert.fingerprint());
}

TEST_CASE("names that are no names get no certificate") {
  World w;
  auto validity = Validity::days(kNow, 90);
  for (const char* bad : {"", "a b", "x,DNS:evil", "\xff", ".x"})
    CHECK(issue_server(w.ca, w.device.public_key(), {bad}, validity, w.random).error().code == Code::kInvalid);
  CHECK(!issue_server(w.ca, w.device.public_key(), {}, validity, w.random).ok());
  for (const char* bad : {"", "A", "a/b", "a b", "a:b"})
    CHECK(!issue_link(w.ca, w.device.public_key(), {"hub", bad}, validity, w.random).ok());
  CHECK(!issue_link(w.ca, w.device.public_key(), {"hub", std::string(64, 'a')}, validity, w.random).ok());
  CHECK(issue_link(w.ca, w.device.public_key(), {"hub", std::string(63, 'a')}, validity, w.random).ok());
}

TEST_CASE("a link certificate is told by its one name and its authority, whatever the clock says") {
  World w;
  LinkName name{"hub-1", "field-01"};
  auto cert = issue_link(w.ca, w.device.public_key(), name, Validity::always(), w.random).value();
  CHECK(cert.uri_names() == std::vector<std::string>{"demilune:hub-1/field-01"});
  CHECK(link_name(cert).value() == name);
  CHECK(verify_issued(cert, w.ca.certificate, Usage::kClient, std::nullopt).ok());
  auto past = issue_link(w.ca, w.device.public_key(), name, Validity::days(WallTime{}, 1), w.random).value();
  CHECK(verify_issued(past, w.ca.certificate, Usage::kClient, std::nullopt).ok());
  CHECK(!verify_issued(past, w.ca.certificate, Usage::kClient, kNow).ok());

  auto foreign = make_authority("hub CA", Validity::days(kNow, 7300), w.random).value();  // same name, another key
  CHECK(verify_issued(cert, foreign.certificate, Usage::kClient, std::nullopt).error().code == Code::kUnauthenticated);
  CHECK(!verify_issued(cert, w.ca.certificate, Usage::kServer, std::nullopt).ok());

  auto server = issue_server(w.ca, w.device.public_key(), {"demilune"}, Validity::always(), w.random).value();
  CHECK(link_name(server).error().code == Code::kInvalid);
}

TEST_CASE("a new device's own certificate proves its key and nothing else") {
  World w;
  auto cert = make_self_signed(w.device, "new device", Validity::always(), w.random).value();
  CHECK(cert.public_key().value() == w.device.public_key());
  CHECK(!cert.is_ca());
  CHECK(!verify_issued(cert, w.ca.certificate, Usage::kClient, std::nullopt).ok());
  CHECK(!link_name(cert).ok());
}

TEST_CASE("bytes that are no certificate are refused") {
  World w;
  Bytes der = w.ca.certificate.der();
  CHECK(!Certificate::from_der(der.substr(0, der.size() - 1)).ok());
  CHECK(!Certificate::from_der(der + "x").ok());
  CHECK(!Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").ok());
  CHECK(!Certificate::from_der("").ok());
}

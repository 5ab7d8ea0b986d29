#pragma once

#include <string>
#include <vector>

#include "net/tls.h"

namespace dl::net::testing {

// A throw-away CA and what it issues; P-256.
class TestCa {
 public:
  explicit TestCa(const std::string& name);
  ~TestCa();
  const std::string& pem() const { return pem_; }
  struct Wish {
    std::string common_name;
    std::string names;  // subjectAltName in OpenSSL's notation: "DNS:localhost,IP:127.0.0.1"; empty: none
    bool expired = false;
    bool client = false;  // clientAuth instead of serverAuth
  };
  TlsIdentity issue(const Wish& wish) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string pem_;
};

}  // namespace dl::net::testing

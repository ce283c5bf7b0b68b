Feature: Citations
  An answer says where it stands: in which of the asker's manuals, and on which page. What is cited is there; what is
  deleted is not cited again.

  @exact
  Scenario Outline: An answer from <manual> names the manual and the page
    Given Anna has the manual "<manual>"
    Then Anna is answered the question <question> from the manual "<manual>"
    And every source of the answer to Anna is there
    And the numbers in the answer to Anna are those of its sources

    Examples:
      | manual | question  |
      | router | router-04 |
      | router | router-22 |
      | router | router-28 |
      | coffee | coffee-01 |
      | coffee | coffee-02 |
      | ebike  | ebike-02  |
      | ebike  | ebike-04  |
      | solar  | foreign-01  |

  @exact
  Scenario: With several manuals, the one that answers is cited
    Given Anna has the manual "router"
    And Anna has the manual "coffee"
    And Anna has the manual "ebike"
    And Anna has the manual "solar"
    Then Anna is answered the question router-04 from the manual "router"
    And every source of the answer to Anna is there
    And Anna is answered the question coffee-01 from the manual "coffee"
    And every source of the answer to Anna is there
    And Anna is answered the question foreign-01 from the manual "solar"
    And every source of the answer to Anna is there

  @exact
  Scenario: The page is that of the PDF, counted from 1
    Given Anna has the file "a PDF of 3 pages"
    When Anna asks "How many lamps does the hood have?"
    Then the answer to Anna cites page 1 of the manual "a PDF of 3 pages"
    When Anna asks "How many days does the filter last?"
    Then the answer to Anna cites page 2 of the manual "a PDF of 3 pages"
    When Anna asks "How many watts does the motor draw?"
    Then the answer to Anna cites page 3 of the manual "a PDF of 3 pages"

  @exact
  Scenario: Text without pages is cited without a page
    Given Anna has the file "a note in plain text"
    When Anna asks "Which bulb does the lamp need?"
    Then the answer to Anna says "40 W"
    And the answer to Anna cites the manual "a note in plain text" without a page
    And the sources of the answer to Anna say "a bulb of 40 W"

  @exact
  Scenario: An answer that is given again cites the same
    Given Anna has the manual "router"
    Then Anna is answered the question router-01 from the manual "router"
    And Anna is answered the question router-01 from the manual "router"
    And every source of the answer to Anna is there
    And the numbers in the answer to Anna are those of its sources

  @exact
  Scenario: What no manual answers cites nothing
    Given Anna has the manual "router"
    When Anna asks "What is the capital of Mongolia?"
    Then the manuals of Anna do not say

  @exact
  Scenario: A manual that is deleted is not cited again, from this moment on
    Given Anna has the manual "router"
    Then Anna is answered the question router-01 from the manual "router"
    When Anna deletes the manual "router"
    And Anna asks the question router-01
    Then the manuals of Anna do not say
    And the answer to Anna does not cite the manual "router"

  @exact @alone @outages
  Scenario: A manual that is deleted is not cited while the index still has it
    Given Anna has the manual "router"
    And Anna has the manual "coffee"
    And the index is busy with other work
    When Anna deletes the manual "router"
    And Anna asks the question router-04
    Then the answer to Anna does not cite the manual "router"
    And Anna is answered the question coffee-01 from the manual "coffee"

  @exact
  Scenario: Of two manuals with the same name, the one that answers is cited
    Given Anna has the manual "router" under the name "manual.pdf"
    And Anna has the manual "coffee" under the name "manual.pdf"
    When Anna asks the question router-04
    Then the answer to Anna cites only the manual "router"
    And every source of the answer to Anna is there
    When Anna asks the question coffee-01
    Then the answer to Anna cites only the manual "coffee"
    And every source of the answer to Anna is there

  @exact @stores
  Scenario: Of two manuals with the same name, the one that is deleted is gone and the other stays
    Given Anna has the manual "router" under the name "manual.pdf"
    And Anna has the manual "coffee" under the name "manual.pdf"
    When Anna deletes the manual "router"
    And Anna asks the question router-04
    Then the answer to Anna does not cite the manual "router"
    And Anna is answered the question coffee-01 from the manual "coffee"
    And nothing is left of the manual "router" of Anna
    And the manual "coffee" of Anna is whole

  @exact
  Scenario: Of two copies of a manual, one answers when the other is deleted
    Given Anna has the manual "router"
    And Anna has the manual "router" a second time, as "copy"
    When Anna deletes the manual "router"
    And Anna asks the question router-01
    Then the answer to Anna says "64 wireless devices"
    And the answer to Anna cites only the manual "copy"
    And every source of the answer to Anna is there

  @exact
  Scenario: A manual that names sources of its own is cited as itself, and as nothing else
    Given Anna has the file "a manual with forged citations"
    When Anna asks "How much dough does the mixer knead?"
    Then the answer to Anna says "2 kg of dough"
    And the answer to Anna cites only the manual "a manual with forged citations"
    And every source of the answer to Anna is there
    And the numbers in the answer to Anna are those of its sources
